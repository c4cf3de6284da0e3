// The screen's colours. They follow the console's theme, also while the page is open, unless the person chose others.

import { settings } from "./settings.js";

const LIGHT = {
  background: "#ffffff",
  foreground: "#1f2937",
  cursor: "#1f2937",
  cursorAccent: "#ffffff",
  selectionBackground: "#b6d4fe",
  selectionInactiveBackground: "#c3d7f5",
  scrollbarSliderBackground: "#1f293733",
  scrollbarSliderHoverBackground: "#1f293755",
  scrollbarSliderActiveBackground: "#1f293777",
  black: "#1f2937",
  red: "#c4262e",
  green: "#1a7f37",
  yellow: "#8a6100",
  blue: "#0550c8",
  magenta: "#8431b8",
  cyan: "#0a7485",
  white: "#6e7781",
  brightBlack: "#57606a",
  brightRed: "#a40e26",
  brightGreen: "#116329",
  brightYellow: "#6f4e00",
  brightBlue: "#1f6feb",
  brightMagenta: "#a04bd0",
  brightCyan: "#1b7c83",
  brightWhite: "#8c959f",
};

const DARK = {
  background: "#111316",
  foreground: "#e2e6ec",
  cursor: "#e2e6ec",
  cursorAccent: "#111316",
  selectionBackground: "#2f4d7c",
  selectionInactiveBackground: "#26344c",
  scrollbarSliderBackground: "#dce3ee22",
  scrollbarSliderHoverBackground: "#dce3ee44",
  scrollbarSliderActiveBackground: "#dce3ee66",
  black: "#3d4350",
  red: "#ff7b72",
  green: "#56d364",
  yellow: "#e3b341",
  blue: "#79b8ff",
  magenta: "#d2a8ff",
  cyan: "#56d4dd",
  white: "#c3ccd9",
  brightBlack: "#8491a7",
  brightRed: "#ffa198",
  brightGreen: "#7ee787",
  brightYellow: "#f2cc60",
  brightBlue: "#a5d0ff",
  brightMagenta: "#e2c5ff",
  brightCyan: "#9be9ef",
  brightWhite: "#ffffff",
};

const CONTRAST = {
  ...DARK,
  background: "#000000",
  foreground: "#ffffff",
  cursor: "#ffff00",
  cursorAccent: "#000000",
  selectionBackground: "#0059b3",
  black: "#5c5c5c",
  red: "#ff8a8a",
  green: "#7dff7d",
  yellow: "#ffff66",
  blue: "#9fc5ff",
  magenta: "#ffb3ff",
  cyan: "#80ffff",
  white: "#ffffff",
};

const SOLARIZED = {
  ...DARK,
  background: "#002b36",
  foreground: "#b8c4c4",
  cursor: "#eee8d5",
  cursorAccent: "#002b36",
  selectionBackground: "#0d4a5a",
  black: "#3c5a63",
  red: "#ff7b78",
  green: "#b0c400",
  yellow: "#d9a800",
  blue: "#6fb5ee",
  magenta: "#f08cb8",
  cyan: "#4fc4ba",
  white: "#eee8d5",
};

const NAMED = { dark: DARK, light: LIGHT, contrast: CONTRAST, solarized: SOLARIZED };
const root = document.documentElement;
const current = () => NAMED[settings.values.theme] ?? (root.dataset.bsTheme === "dark" ? DARK : LIGHT);

/** Call `apply` with the colours now, and whenever the console's theme or the person's choice changes. */
export function followTheme(apply) {
  const change = () => apply(current());
  const observer = new MutationObserver(change);
  observer.observe(root, { attributeFilter: ["data-bs-theme"] });
  settings.addEventListener("change", change);
  change();
  return () => {
    observer.disconnect();
    settings.removeEventListener("change", change);
  };
}
