// The socket between this page and a command's output. It comes back when it is lost, from the byte after the last one.
//
// Events: "output" {stream, text}, "gap" {stream, from, to}, "exit" {exitCode, reason}, "state" {name, ...}: connecting,
// live, waiting {until, reason}, and final: ended, gone, not-allowed, signed-out, each with its reason.
import { Backoff } from "../backoff.js";

const STREAMS = { 1: "stdout", 2: "stderr" };
const HEADER = 9; // one byte for the stream, eight for the offset
const FINAL = { 1000: "ended", 4400: "gone", 4401: "signed-out", 4403: "not-allowed", 4404: "gone" };
const SILENT_AFTER = 60_000;

export class OutputSocket extends EventTarget {
  constructor(url) {
    super();
    this.url = url;
    this.offsets = { stdout: 0, stderr: 0 }; // the next bytes wanted
    this.backoff = new Backoff();
    this.decoder = new TextDecoder();
    this.socket = null;
    this.over = false;
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  connect() {
    clearTimeout(this.retry);
    this.emit("state", { name: "connecting" });
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "open", ...this.offsets }));
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason }) => this.closed(code, reason);
    this.socket = socket;
    this.received = 0; // bytes on this connection
    this.acknowledged = 0;
    this.listen();
  }

  /** All that was received is on the page: more may come. */
  drawn() {
    if (this.received === this.acknowledged || this.socket?.readyState !== WebSocket.OPEN) return;
    this.acknowledged = this.received;
    this.socket.send(JSON.stringify({ type: "taken", bytes: this.received }));
  }

  wake() {
    if (!this.over && !this.socket) this.connect();
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost("nothing was heard"), SILENT_AFTER);
  }

  receive(data) {
    this.listen();
    if (typeof data === "string") return this.control(JSON.parse(data));
    const view = new DataView(data);
    this.received += data.byteLength;
    return this.output(STREAMS[view.getUint8(0)], Number(view.getBigUint64(1)), new Uint8Array(data, HEADER));
  }

  output(stream, offset, bytes) {
    const known = this.offsets[stream];
    if (offset > known) this.emit("gap", { stream, from: known, to: offset });
    const fresh = bytes.subarray(Math.max(0, known - offset));
    if (offset + bytes.length <= known) return;
    this.offsets[stream] = offset + bytes.length;
    this.emit("output", { stream, text: this.decoder.decode(fresh) });
  }

  control(message) {
    switch (message.type) {
      case "opened":
        this.backoff.reset();
        return this.emit("state", { name: "live" });
      case "ping":
        return this.socket.send(JSON.stringify({ type: "pong" }));
      case "gap":
        return this.gap(message);
      case "exit":
        this.over = true;
        return this.emit("exit", { exitCode: message.exit_code, reason: message.reason });
      default:
        return undefined;
    }
  }

  gap({ stream, from, to }) {
    const known = this.offsets[stream];
    if (to <= known) return;
    this.offsets[stream] = to;
    this.emit("gap", { stream, from: Math.max(from, known), to });
  }

  drop() {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  closed(code, reason) {
    this.drop();
    if (this.over || FINAL[code]) {
      this.over = true;
      this.emit("state", { name: FINAL[code] ?? "ended", reason });
    } else this.again(reason);
  }

  lost(reason) {
    this.drop();
    this.again(reason);
  }

  again(reason) {
    const pause = this.backoff.next();
    this.emit("state", { name: "waiting", until: performance.now() + pause, reason });
    this.retry = setTimeout(() => this.connect(), pause);
  }
}
