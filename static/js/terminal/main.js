// The terminal page: puts the screen, the socket and the status together.
//
// A keystroke goes from xterm.js (`onData`) to the transport's input queue, to the console's socket; output comes from
// the transport through the output feed to xterm.js.

import { Answers } from "./answers.js";
import { controlClipboard } from "./clipboard.js";
import { controlFontSize, storedFontSize } from "./font-size.js";
import { OutputFeed } from "./output-feed.js";
import { keepFitted, makeScreen } from "./screen.js";
import { controlSearch } from "./search.js";
import { Status } from "./status.js";
import { Transport } from "./transport.js";

const RESIZE_PAUSE = 100;

function setUp(page) {
  const host = page.querySelector("[data-terminal-screen]");
  const bar = page.querySelector("[data-terminal-bar]");
  const status = new Status(bar);
  const { terminal, fit, search } = makeScreen(host, { nonce: page.dataset.nonce, fontSize: storedFontSize() });
  const keys = [
    controlClipboard(host, terminal, page.querySelector("[data-paste-dialog]")),
    controlSearch(page.querySelector("[data-search]"), bar.querySelector("[data-search-open]"), terminal, search),
  ];
  terminal.attachCustomKeyEventHandler((event) => keys.every((handle) => handle(event)));
  controlFontSize(bar, terminal, () => fit.fit());
  keepFitted(host, fit);
  return { terminal, status };
}

function connect(page, terminal, status) {
  const address = new URL("socket", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  let transport;
  const feed = new OutputFeed(
    (bytes, done) => terminal.write(bytes, done),
    (offset) => transport.taken(offset),
  );
  const answers = new Answers(terminal);
  transport = new Transport(address, () => ({ offset: feed.next, rows: terminal.rows, cols: terminal.cols }));
  receive(transport, feed, answers);
  report(page, transport, terminal, status);
  send(transport, terminal, answers);
  transport.connect();
  // The screen is drawn on a canvas, where neither a test nor an extension can read it.
  window.__terminal = { terminal, feed, transport };
}

function receive(transport, feed, answers) {
  const live = (offset) => feed.whenReached(offset, () => (answers.replaying = false));
  transport.addEventListener("output", ({ detail }) => feed.output(detail.offset, detail.bytes));
  transport.addEventListener("gap", ({ detail }) => feed.gap(detail.from, detail.to));
  transport.addEventListener("live", ({ detail }) => live(detail.offset));
  transport.addEventListener("answer", ({ detail }) => (answers.chosen = detail.on));
  transport.addEventListener("opened", ({ detail }) => {
    if (answers.replaying && detail.live !== null) live(detail.live);
  });
}

function report(page, transport, terminal, status) {
  transport.addEventListener("state", ({ detail }) => {
    status.show(detail);
    terminal.options.disableStdin = detail.name !== "connected" ? transport.over : detail.readOnly;
    terminal.options.cursorBlink = !transport.over;
  });
  transport.addEventListener("latency", ({ detail }) => status.delay(detail.ms));
}

function send(transport, terminal, answers) {
  terminal.onData((data) => answers.wanted(data) && transport.type(data));
  terminal.onBinary((data) => transport.type(data));
  let pause = 0;
  terminal.onResize(({ rows, cols }) => {
    clearTimeout(pause);
    pause = setTimeout(() => transport.resize(rows, cols), RESIZE_PAUSE);
  });
}

/** A page without a shell starts one: the same form that the button for a new shell is. */
function start(status) {
  const form = document.querySelector("[data-new-shell]");
  if (!form) return status.show({ name: "failed", reason: "Nobody has opened a terminal here yet" });
  status.show({ name: "starting" });
  form.submit();
  return undefined;
}

const page = document.querySelector("[data-terminal-page]");
const { terminal, status } = setUp(page);
if (page.dataset.session) {
  connect(page, terminal, status);
  terminal.focus();
} else {
  start(status);
}
