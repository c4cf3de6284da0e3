// What was typed and not yet taken by the console. Every byte has a number, so that one sent again after a
// reconnect is known for one that was taken before. A paste of any size goes out in pieces, as fast as the shell
// takes them.

const PIECE = 16 * 1024;
const IN_FLIGHT = 16 * PIECE;

/** The end of the piece of `bytes` that begins at `start`, between two characters. */
function cut(bytes, start) {
  let end = Math.min(start + PIECE, bytes.length);
  while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end -= 1;
  return end;
}

export class InputQueue {
  constructor() {
    this.encoder = new TextEncoder();
    this.pieces = []; // {offset, bytes, at: when it was sent on this connection, or null}
    this.end = 0; // number of the next byte that is typed
    this.unsent = 0; // index of the first piece not sent on this connection
  }

  /** Bytes that the console has not taken. */
  get waiting() {
    return this.pieces.length ? this.end - this.pieces[0].offset : 0;
  }

  /** When the oldest piece that is not taken was sent on this connection, or null. */
  get oldest() {
    return this.pieces[0]?.at ?? null;
  }

  /** Number of the first byte that is not taken. */
  get start() {
    return this.pieces.length ? this.pieces[0].offset : this.end;
  }

  add(text) {
    const bytes = this.encoder.encode(text);
    for (let start = 0; start < bytes.length; ) {
      const stop = cut(bytes, start);
      this.pieces.push({ offset: this.end, bytes: bytes.subarray(start, stop), sent: false, at: null });
      this.end += stop - start;
      start = stop;
    }
  }

  /** The pieces that may be sent now; they count as sent. */
  take(now) {
    const ready = [];
    while (this.unsent < this.pieces.length && this.inFlight() < IN_FLIGHT) {
      const piece = this.pieces[this.unsent];
      piece.sent = true;
      piece.at = now;
      ready.push(piece);
      this.unsent += 1;
    }
    return ready;
  }

  inFlight() {
    return this.unsent ? this.pieces[this.unsent - 1].offset + this.pieces[this.unsent - 1].bytes.length - this.pieces[0].offset : 0;
  }

  /** Forget what the console has taken; returns when the last of it was sent, or null. */
  taken(offset) {
    let at = null;
    let done = 0;
    while (done < this.pieces.length && this.pieces[done].offset + this.pieces[done].bytes.length <= offset) {
      at = this.pieces[done].at;
      done += 1;
    }
    this.pieces.splice(0, done);
    this.unsent = Math.max(0, this.unsent - done);
    return at;
  }

  /** Drop what was typed from `offset` on: it is not wanted. Returns how many bytes that were. */
  drop(offset) {
    this.taken(offset);
    const dropped = this.waiting;
    this.pieces = [];
    this.unsent = 0;
    this.end = offset;
    return dropped;
  }

  /** A new connection to a console that knows this page: what it has not taken is sent again. */
  resume(offset) {
    this.taken(offset);
    this.unsent = 0;
    for (const piece of this.pieces) piece.at = null;
  }

  /**
   * A connection to a console that has forgotten this page. What was sent before may have been typed or not, and
   * typing it twice is worse than losing it. Returns how many bytes were dropped.
   */
  restart() {
    const kept = this.pieces.filter((piece) => !piece.sent);
    const dropped = this.pieces.length - kept.length ? this.waiting - kept.reduce((sum, piece) => sum + piece.bytes.length, 0) : 0;
    this.pieces = [];
    this.end = 0;
    this.unsent = 0;
    for (const piece of kept) {
      this.pieces.push({ offset: this.end, bytes: piece.bytes, sent: false, at: null });
      this.end += piece.bytes.length;
    }
    return dropped;
  }
}
