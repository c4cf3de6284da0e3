// The terminal itself: xterm.js with what this page adds to it, and no knowledge of where its bytes come from.

import { FitAddon } from "../../vendor/xterm-addon-fit-0.11.0/addon-fit.mjs";
import { SearchAddon } from "../../vendor/xterm-addon-search-0.16.0/addon-search.mjs";
import { UnicodeGraphemesAddon } from "../../vendor/xterm-addon-unicode-graphemes-0.4.0/addon-unicode-graphemes.mjs";
import { WebLinksAddon } from "../../vendor/xterm-addon-web-links-0.12.0/addon-web-links.mjs";
import { WebglAddon } from "../../vendor/xterm-addon-webgl-0.19.0/addon-webgl.mjs";
import { Terminal } from "../../vendor/xterm-6.0.0/xterm.mjs";
import { useNonce } from "./nonce.js";
import { settings } from "./settings.js";
import { followTheme } from "./themes.js";

const FONT = 'ui-monospace, SFMono-Regular, "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Color Emoji", monospace';

/** Open a link that the shell printed: only of the web, and unable to reach back to this page. */
function follow(event, address) {
  const { protocol } = new URL(address);
  if (protocol === "https:" || protocol === "http:") window.open(address, "_blank", "noopener,noreferrer");
}

/** Whether there is a graphics card behind WebGL: drawn by the processor it is slower than elements are. */
function hasGraphicsCard() {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(gl) && !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

/** Draw with the graphics card; where that fails, now or later, xterm.js draws with elements. */
function accelerate(terminal) {
  if (!hasGraphicsCard()) return;
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    terminal.loadAddon(webgl);
    requestAnimationFrame(() => requestAnimationFrame(() => sharp(terminal) || webgl.dispose()));
  } catch (error) {
    console.info("The terminal is drawn without WebGL:", error.message);
  }
}

/** Whether a canvas has the pixels that it is shown with; a browser that emulates another screen may be wrong. */
function sharp(terminal) {
  const canvas = terminal.element.querySelector(".xterm-screen canvas:not(.xterm-link-layer)");
  return Math.abs(canvas.width - canvas.clientWidth * devicePixelRatio) < 2;
}

/** A terminal in `host`, fitted to it. Returns {terminal, fit, search, dispose}. */
export function makeScreen(host, nonce) {
  useNonce(nonce);
  const terminal = new Terminal({
    allowProposedApi: true, // the addon of grapheme clusters needs it
    cursorBlink: false, // a frame would always be due: Chromium lets an echo wait for it, which doubles its time
    fontFamily: FONT,
    fontSize: settings.values.fontSize,
    linkHandler: { activate: follow },
    minimumContrastRatio: 4.5,
    rightClickSelectsWord: true,
    screenReaderMode: settings.values.screenReader,
    scrollback: 10_000,
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  terminal.loadAddon(new WebLinksAddon(follow));
  terminal.loadAddon(new UnicodeGraphemesAddon());
  const unfollow = followTheme((theme) => {
    terminal.options.theme = theme;
    host.parentElement.style.backgroundColor = theme.background;
  });
  terminal.open(host);
  accelerate(terminal);
  fit.fit();
  const dispose = () => {
    unfollow();
    terminal.dispose();
  };
  return { terminal, fit, search, dispose };
}

/** Call `changed` when the host has another size, and once a frame at most. Returns how to stop. */
export function watchSize(host, changed) {
  let frame = 0;
  const observer = new ResizeObserver(() => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => host.clientWidth && host.clientHeight && changed());
  });
  observer.observe(host);
  return () => observer.disconnect();
}
