// The socket between this page and its shell: connects, comes back when it is lost, and says how it stands.
//
// Events: "state" {name, ...}, "opened" {first, live, you}, "output" {offset, bytes}, "gap" {from, to}, "modes" {sequence},
// "people" {people, keyboard, rows, cols}, "answer" {on}, "live" {offset}, "latency" {ms}, "dropped" {bytes, why}. States:
// connecting, connected {readOnly, stalled}, waiting {attempt, until, reason}, ended {exitCode}, and the final ones of the
// close codes below {reason}.

import { Backoff } from "../backoff.js";
import { decodeFrame, encodeFrame } from "./frames.js";
import { InputQueue } from "./input-queue.js";

const PING_EVERY = 25_000;
const SECOND_PING = 2_000;
const SILENT_AFTER = 60_000;
const ANSWER_WITHIN = 5_000; // when there is reason to doubt the connection
const OPEN_WITHIN = 20_000;
const STALLED_AFTER = 2_000; // typing not taken for so long: the page says so
const FINAL = { 4401: "signed-out", 4403: "not-allowed", 4404: "gone", 4409: "taken-over", 4410: "expired" };

const newClient = () =>
  crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36).padStart(7, "0")).join("-");

export class Transport extends EventTarget {
  /** `opening()` gives {offset, rows, cols}: the output wanted and the size, as they are when a connection opens. */
  constructor(url, opening) {
    super();
    this.url = url;
    this.opening = opening;
    this.client = newClient();
    this.input = new InputQueue();
    this.backoff = new Backoff();
    this.socket = null;
    this.open = false; // the console has answered
    this.over = false; // nothing more will come
    this.loads = 0;
    this.exitCode = undefined;
    this.pings = new Map();
    this.pingId = 0;
    this.waking = () => document.hidden || this.wake();
    this.online = () => this.wake();
    addEventListener("online", this.online);
    document.addEventListener("visibilitychange", this.waking);
    this.timers = [setInterval(() => this.tick(), PING_EVERY), setInterval(() => this.watchInput(), STALLED_AFTER / 4)];
  }

  /** Leave for good; the shell goes on. */
  dispose() {
    this.over = true;
    clearTimeout(this.retry);
    this.timers.forEach(clearInterval);
    removeEventListener("online", this.online);
    document.removeEventListener("visibilitychange", this.waking);
    this.drop();
  }

  connect() {
    this.over = false;
    clearTimeout(this.retry);
    this.drop();
    this.emit("state", { name: "connecting", attempt: this.backoff.tries });
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.say({ type: "open", client: this.client, ...this.opening() });
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.closed(event.code, event.reason);
    this.socket = socket;
    this.patience = setTimeout(() => this.lost("no answer"), OPEN_WITHIN);
  }

  /** Come back at once when there is hope, and doubt a connection that slept. */
  wake() {
    if (this.over) return;
    if (!this.socket) this.connect();
    else if (this.open) this.ping(ANSWER_WITHIN);
  }

  type(text) {
    if (this.over || this.readOnly) return;
    this.input.add(text);
    this.flush();
  }

  resize(rows, cols) {
    if (this.open) this.say({ type: "resize", rows, cols });
  }

  taken(offset) {
    if (this.open) this.say({ type: "taken", offset });
  }

  /** Ask to pass over the output that waits at the sandbox: the person has interrupted a flood. False if not asked. */
  skip() {
    if (this.open) this.say({ type: "skip" });
    return this.open;
  }

  /** Have the program on the screen draw it again. */
  redraw() {
    if (this.open) this.say({ type: "redraw" });
  }

  /** Give the keyboard to a page; without one, take it. */
  keyboard(to = this.you) {
    if (this.open) this.say({ type: "keyboard", to });
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  flush() {
    if (!this.open) return;
    for (const piece of this.input.take(performance.now())) this.socket.send(encodeFrame(piece.offset, piece.bytes));
  }

  receive(data) {
    this.heardAt = performance.now();
    if (typeof data === "string") this.control(JSON.parse(data));
    else this.emit("output", decodeFrame(data));
  }

  control(message) {
    switch (message.type) {
      case "opened":
        return this.welcomed(message);
      case "taken":
        return this.heard(message.offset);
      case "refused":
        return this.tellDropped(this.input.drop(message.offset), "keyboard");
      case "ping":
        return this.say({ type: "pong", id: message.id });
      case "pong":
        return this.ponged(message.id);
      case "exit":
        this.exitCode = message.exit_code;
        return undefined;
      default:
        return this.emit(message.type, message);
    }
  }

  welcomed(message) {
    clearTimeout(this.patience);
    this.backoff.reset();
    this.open = true;
    this.readOnly = message.read_only;
    this.you = message.you;
    this.loads += 1;
    if (message.input !== null && message.input < this.input.start) return this.renumber();
    if (message.input === null) this.tellDropped(this.input.restart());
    else this.input.resume(message.input);
    this.emit("opened", { first: this.loads === 1, live: message.live, you: message.you });
    this.emit("state", { name: "connected", readOnly: this.readOnly });
    this.flush();
    // The first comes back behind the replay; the second tells the time that a message takes.
    this.ping(SILENT_AFTER);
    setTimeout(() => this.open && this.ping(SILENT_AFTER), SECOND_PING);
  }

  // The shell's session has forgotten this page among many others: begin anew, under another name.
  renumber() {
    this.client = newClient();
    this.tellDropped(this.input.restart());
    this.drop();
    this.connect();
  }

  tellDropped(bytes, why = "doubt") {
    if (bytes) this.emit("dropped", { bytes, why });
  }

  heard(offset) {
    const sentAt = this.input.taken(offset);
    if (sentAt !== null) this.emit("latency", { ms: performance.now() - sentAt });
    this.flush();
  }

  tick() {
    if (!this.open) return;
    if (performance.now() - this.heardAt > SILENT_AFTER) this.lost("nothing was heard");
    else this.ping(SILENT_AFTER);
  }

  watchInput() {
    const stalled = this.open && this.input.oldest !== null && performance.now() - this.input.oldest > STALLED_AFTER;
    if (this.open && (stalled || this.stalled)) {
      this.emit("state", { name: "connected", readOnly: this.readOnly, stalled, waiting: this.input.waiting });
    }
    this.stalled = stalled;
  }

  ping(within) {
    const id = this.pingId++;
    const timer = setTimeout(() => this.lost("no answer to a ping"), within);
    this.pings.set(id, { at: performance.now(), timer });
    this.say({ type: "ping", id });
  }

  ponged(id) {
    const ping = this.pings.get(id);
    if (!ping) return;
    clearTimeout(ping.timer);
    this.pings.delete(id);
    this.emit("latency", { ms: performance.now() - ping.at });
  }

  /** Let go of the socket without waiting for it to close, which takes long where the network is gone. */
  drop() {
    clearTimeout(this.patience);
    for (const { timer } of this.pings.values()) clearTimeout(timer);
    this.pings.clear();
    this.open = false;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  lost(reason) {
    if (!this.socket) return;
    this.drop();
    this.again(reason);
  }

  closed(code, reason) {
    this.drop();
    if (code === 1000 || FINAL[code]) {
      this.over = true;
      this.emit("state", { name: FINAL[code] ?? "ended", reason, exitCode: this.exitCode });
      return;
    }
    this.again(reason);
  }

  again(reason) {
    const pause = this.backoff.next();
    this.emit("state", { name: "waiting", attempt: this.backoff.tries, until: performance.now() + pause, reason });
    this.retry = setTimeout(() => this.connect(), pause);
  }
}
