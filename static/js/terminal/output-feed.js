// Between the socket and the screen: every byte of output is drawn once and in order, however often it is sent.
// While the screen is busy output gathers, and goes to it in one piece when it is ready; what has been drawn is
// acknowledged, so that the console never sends more than the page can take.

const PIECE = 64 * 1024; // drawn at once: small enough that the page stays awake between two
const ACKNOWLEDGE = 32 * 1024;
const CANCEL = "\x18"; // ends an escape sequence that the gap cut in two
const encoder = new TextEncoder();

export class OutputFeed {
  /** `write(bytes, done)` draws; `taken(offset)` acknowledges; `drew()` is called when something was drawn. */
  constructor(write, taken, drew = () => {}) {
    this.write = write;
    this.taken = taken;
    this.drew = drew;
    this.next = 0; // offset of the next byte wanted
    this.drawn = 0; // offset up to which all is on the screen
    this.missing = 0; // bytes that were lost for this page
    this.queue = []; // {parts, size, end, after}
    this.busy = false;
    this.held = false; // nothing more is drawn for now
    this.acknowledged = 0;
    this.awaited = null; // {offset, then}
    this.writing = [];
    this.settled = true; // all that was given to the terminal is drawn
  }

  /** The screen already holds all before `offset`. */
  startAt(offset) {
    this.next = this.drawn = this.acknowledged = offset;
  }

  /** Bytes that came and are not on the screen yet. */
  get behind() {
    return this.next - this.drawn;
  }

  output(offset, bytes) {
    if (offset > this.next) this.gap(this.next, offset);
    const fresh = bytes.subarray(this.next - offset);
    if (!fresh.length) return;
    const before = this.awaited ? Math.min(Math.max(this.awaited.offset - this.next, 0), fresh.length) : fresh.length;
    this.add(fresh.subarray(0, before));
    this.reach();
    this.add(fresh.subarray(before));
  }

  add(bytes) {
    if (!bytes.length) return;
    this.next += bytes.length;
    this.push(bytes);
  }

  /** Call `then` when all output before `offset` is on the screen, and before any of the rest is. */
  whenReached(offset, then) {
    this.awaited = { offset, then };
    this.reach();
  }

  reach() {
    if (!this.awaited || this.next < this.awaited.offset) return;
    const { then } = this.awaited;
    this.awaited = null;
    this.mark(then);
  }

  /** Output that will not come; with `skipped` because nobody waits for it, so what is not drawn yet goes too. */
  gap(from, to, skipped = false) {
    let lost = to - Math.max(from, this.next);
    if (lost <= 0) return;
    if (skipped) lost += this.dropQueue();
    this.missing += lost;
    this.next = to;
    this.reach();
    const words = `${lost.toLocaleString()} bytes of output ${skipped ? "were passed over" : "are no longer kept"}`;
    this.push(encoder.encode(`${CANCEL}\x1b[0m\r\n\x1b[2m── ${words} ──\x1b[0m\r\n`));
  }

  /** Draw text that is no part of the output, after all that came. */
  aside(text) {
    if (text) this.push(encoder.encode(text));
  }

  /** Draw nothing until `release`. */
  hold() {
    this.held = true;
  }

  release() {
    if (!this.held) return;
    this.held = false;
    if (!this.busy) this.draw();
  }

  dropQueue() {
    const dropped = this.queue;
    this.queue = [];
    for (const { after } of dropped) for (const then of after) this.mark(then);
    const start = this.busy ? this.writingEnd : this.drawn;
    return dropped.length ? this.next - start : 0;
  }

  // Call `then` when all that was received up to now is on the screen, and before anything later is.
  mark(then) {
    const last = this.queue.at(-1);
    if (last) last.after.push(then);
    else if (this.busy) this.writing.push(then);
    else then();
  }

  push(bytes) {
    const last = this.queue.at(-1);
    if (last && !last.after.length && last.size + bytes.length <= PIECE) {
      last.parts.push(bytes);
      last.size += bytes.length;
      last.end = this.next;
    } else {
      this.queue.push({ parts: [bytes], size: bytes.length, end: this.next, after: [] });
    }
    if (!this.busy) this.draw();
  }

  draw() {
    const piece = this.held ? undefined : this.queue.shift();
    this.busy = Boolean(piece);
    this.settled = !piece;
    if (!piece) return;
    this.writing = piece.after;
    this.writingEnd = piece.end;
    this.write(joined(piece), () => {
      this.drawn = piece.end;
      for (const then of piece.after) then();
      if (this.drawn - this.acknowledged >= ACKNOWLEDGE) this.acknowledge();
      this.settled = true; // for as long as drew() takes: nothing waits inside the terminal
      this.drew();
      this.draw();
    });
  }

  acknowledge() {
    this.acknowledged = this.drawn;
    this.taken(this.drawn);
  }
}

function joined({ parts, size }) {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(size);
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
