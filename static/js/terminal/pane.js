// One terminal on the page: its screen, its socket, and what lies between.
//
// A keystroke goes from xterm.js (`onData`) to the transport's input queue, to the console's socket; output comes from
// the transport through the output feed to xterm.js.
//
// Events: "state", "people", "title", "folder", "bell", "copy", "latency", "dropped", "active", with {detail}.

import { Answers } from "./answers.js";
import { Memory } from "./memory.js";
import { OutputFeed } from "./output-feed.js";
import { listen } from "./programs.js";
import { makeScreen, watchSize } from "./screen.js";
import { settings } from "./settings.js";
import { Transport } from "./transport.js";

const RESIZE_PAUSE = 100;
const SKIP_WITHIN = 2_000;
const REDRAW_AFTER = 250;
const SMALLEST_LETTERS = 5;

export class Pane extends EventTarget {
  /** `session` has an `id`; `address` is that of its socket; `key` that of its kept screen, or null to keep none. */
  constructor(session, { address, key, nonce }) {
    super();
    this.session = session;
    this.element = document.createElement("div");
    this.element.className = "terminal-pane";
    this.host = document.createElement("div");
    this.host.className = "terminal-host";
    this.element.append(this.host);
    this.address = address;
    this.key = key;
    this.nonce = nonce;
    this.state = { name: "connecting", attempt: 0 };
    this.people = { people: [], keyboard: null, rows: null, cols: null };
    this.delays = [];
    for (const type of ["focusin", "pointerdown"]) this.element.addEventListener(type, () => this.emit("active"));
  }

  /** Draw and connect; the element must be on the page, with its size. `handleKey` sees each key before the shell. */
  async start(handleKey = () => true) {
    Object.assign(this, makeScreen(this.host, this.nonce));
    const { terminal } = this;
    this.feed = new OutputFeed(
      (bytes, done) => terminal.write(bytes, done),
      (offset) => this.transport.taken(offset),
      () => this.memory?.drew(),
    );
    this.answers = new Answers(terminal);
    this.transport = new Transport(this.address, () => ({ offset: this.feed.next, ...(this.told = this.wanted()) }));
    terminal.attachCustomKeyEventHandler((event) => handleKey(event, this));
    listen(terminal, () => this.answers.replaying, (what, detail) => {
      if (what === "folder" && this.memory) this.memory.folder = detail;
      this.emit(what, detail);
    });
    this.receive();
    this.send();
    this.follow();
    await this.recall();
    if (!this.disposed) this.transport.connect();
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async recall() {
    if (!this.key) return;
    this.memory = new Memory(this.key, this.terminal, this.feed);
    const offset = await this.memory.recall();
    this.restored = offset !== null;
    if (this.memory.folder) this.emit("folder", this.memory.folder);
    if (this.restored) this.feed.startAt(offset);
    else this.fitted();
  }

  receive() {
    const { transport, feed, answers } = this;
    const live = (offset) => feed.whenReached(offset, () => this.wentLive());
    const on = (type, then) => transport.addEventListener(type, ({ detail }) => then(detail));
    on("output", ({ offset, bytes }) => feed.output(offset, bytes));
    on("gap", ({ from, to }) => this.lost(from, to));
    on("skipped", () => this.goOn());
    on("modes", ({ sequence }) => this.modes(sequence));
    on("live", ({ offset }) => live(offset));
    on("answer", ({ on: chosen }) => (answers.chosen = chosen));
    on("opened", (opened) => {
      if (answers.replaying && opened.live !== null) live(opened.live);
    });
    on("people", (people) => this.meet(people));
    on("state", (state) => this.stand(state));
    on("latency", ({ ms }) => {
      this.delays = [...this.delays, ms].slice(-5);
      this.emit("latency");
    });
    on("dropped", (dropped) => this.emit("dropped", dropped));
  }

  /** A typical time that a message takes to the console and back, in milliseconds; null before one is known. */
  get latency() {
    return this.delays.length ? this.delays.toSorted((a, b) => a - b)[this.delays.length >> 1] : null;
  }

  stand(state) {
    this.state = state;
    if (state.name !== "connected") this.goOn();
    const over = this.transport.over;
    this.terminal.options.disableStdin = state.name === "connected" ? state.readOnly : over;
    if (state.name === "gone" || state.name === "ended") this.memory?.forget();
    this.emit("state", state);
  }

  // The old output is on the screen: from here on the terminal answers, and has this page's size.
  wentLive() {
    this.answers.replaying = false;
    this.fitted();
    if (!this.restored) this.redraw();
    this.memory?.soon();
  }

  lost(from, to) {
    this.feed.gap(from, to, Boolean(this.skipping));
    this.jumped = true;
    this.redraw();
    this.memory?.soon();
  }

  // Only for a terminal that has not drawn what led here.
  modes(sequence) {
    if (!this.jumped && (this.restored || this.feed.next > 0)) return;
    this.jumped = false;
    this.feed.aside(sequence);
  }

  // A program that owns the screen draws what is missing, once nothing old is on its way.
  redraw() {
    clearTimeout(this.redrawing);
    this.redrawing = setTimeout(() => {
      if (!this.answers.replaying && this.terminal.buffer.active.type === "alternate") this.transport.redraw();
    }, REDRAW_AFTER);
  }

  send() {
    const { terminal, answers, transport } = this;
    terminal.onData((data) => answers.wanted(data) && this.type(data));
    terminal.onBinary((data) => transport.type(data));
  }

  /** Type as if the person had; a control key that waits on the page's key bar joins in. */
  type(data) {
    if (this.control && data.length === 1) {
      data = String.fromCharCode(data.toUpperCase().charCodeAt(0) & 0x1f);
      this.emit("control-used");
    }
    this.transport.type(data);
    // Nobody waits for the rest of a flood that was interrupted. After the key, so that what is passed over ends behind
    // what the key has stopped; where little waits at the sandbox, nothing is.
    if (data === "\x03") this.skip();
  }

  skip() {
    if (!this.transport.skip()) return;
    clearTimeout(this.skipping);
    this.skipping = setTimeout(() => this.goOn(), SKIP_WITHIN);
    this.feed.hold();
  }

  // What waited before the key has been passed over, or there was none.
  goOn() {
    clearTimeout(this.skipping);
    this.skipping = undefined;
    this.feed.release();
  }

  meet(people) {
    this.people = people;
    this.fitted();
    this.emit("people", people);
  }

  /** Whether this page gives the shell its size: it has the keyboard. */
  get leads() {
    return this.people.keyboard !== null && this.people.keyboard === this.transport.you;
  }

  // The size that this page would have, with letters of the chosen size.
  wanted() {
    const { fontSize } = settings.values;
    if (this.terminal.options.fontSize !== fontSize) this.terminal.options.fontSize = fontSize;
    const { rows = 24, cols = 80 } = this.fit.proposeDimensions() ?? {};
    return { rows: Math.min(1000, Math.max(1, rows || 24)), cols: Math.min(1000, Math.max(2, cols || 80)) };
  }

  follow() {
    this.unwatch = watchSize(this.host, () => this.fitted());
    this.resettle = () => {
      this.terminal.options.screenReaderMode = settings.values.screenReader;
      this.fitted();
    };
    settings.addEventListener("change", this.resettle);
  }

  // Old output is drawn at the size it was made for; somebody else's size is shown in letters that fit.
  fitted() {
    if (!this.terminal || (this.restored && this.answers.replaying && !this.transport.over)) return;
    const wanted = this.wanted();
    const { rows, cols } = this.people;
    if (this.leads || !rows) {
      this.resize(wanted);
      this.tell(wanted);
      return;
    }
    const scale = Math.min(1, wanted.rows / rows, wanted.cols / cols);
    this.terminal.options.fontSize = Math.max(SMALLEST_LETTERS, Math.floor(settings.values.fontSize * scale * 2) / 2);
    this.resize({ rows, cols });
  }

  resize({ rows, cols }) {
    if (rows === this.terminal.rows && cols === this.terminal.cols) return;
    this.terminal.resize(cols, rows);
    this.memory?.soon();
  }

  tell({ rows, cols }) {
    if (rows === this.told?.rows && cols === this.told?.cols) return;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      this.told = { rows, cols };
      this.transport.resize(rows, cols);
    }, RESIZE_PAUSE);
  }

  /** All that the terminal holds as text. */
  text() {
    const lines = [];
    for (const buffer of [this.terminal.buffer.normal, this.terminal.buffer.alternate]) {
      if (buffer.type === "alternate" && this.terminal.buffer.active.type !== "alternate") continue;
      for (let row = 0; row < buffer.length; row += 1) {
        const line = buffer.getLine(row);
        const text = line.translateToString(!buffer.getLine(row + 1)?.isWrapped);
        if (line.isWrapped && lines.length) lines[lines.length - 1] += text;
        else lines.push(text);
      }
    }
    return `${lines.join("\n").trimEnd()}\n`;
  }

  /** Leave the shell, which goes on, and take the terminal off the page. */
  close() {
    this.disposed = true;
    clearTimeout(this.skipping);
    this.memory?.keep();
    this.memory?.dispose();
    this.transport?.dispose();
    this.unwatch?.();
    settings.removeEventListener("change", this.resettle);
    this.dispose?.();
    this.element.remove();
  }
}
