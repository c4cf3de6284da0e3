// The pauses between tries to connect: short at first, doubling, with jitter so that many pages do not come at once.

const FIRST = 250;
const LONGEST = 15_000;

export class Backoff {
  constructor(random = Math.random) {
    this.random = random;
    this.reset();
  }

  /** How many pauses were taken since the last success. */
  get tries() {
    return this.count;
  }

  reset() {
    this.count = 0;
  }

  /** The next pause in milliseconds. */
  next() {
    const full = Math.min(LONGEST, FIRST * 2 ** this.count);
    this.count += 1;
    return full / 2 + (this.random() * full) / 2;
  }
}
