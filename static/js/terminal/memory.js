// Keeps a terminal's screen for the next visit, and puts it back.
//
// A snapshot can be taken only where nothing is half read. What came after the newest one is asked for again from its
// offset when the page returns, so that an escape sequence or a character which was half there at the moment of the
// leaving is half there again: the two together are the screen as it was. So one is needed only now and then: when the
// page is left, when the size has changed, and before what came since is more than the sandbox keeps.

import { load, prepare } from "./screens.js";
import { VERSION, capture, flush, restore } from "./snapshot.js";

const SOON = 500; // milliseconds
const MOST_OUTPUT = 512 * 1024; // bytes after which a snapshot is due
const AT_MOST_EVERY = 2_000;
const WORTH_IT = 16 * 1024; // bytes after which one is taken when output pauses
const QUIET = 700;

export class Memory {
  constructor(key, terminal, feed) {
    this.key = key;
    this.terminal = terminal;
    this.feed = feed;
    this.kept = -1;
    this.keptAt = -AT_MOST_EVERY;
    this.ready = prepare().then((store) => (this.store = store));
    this.leaving = () => {
      if (!this.feed.settled) flush(this.terminal);
      this.keep();
    };
    this.hidden = () => document.hidden && this.leaving();
    addEventListener("pagehide", this.leaving);
    document.addEventListener("visibilitychange", this.hidden);
  }

  /** Put back what was kept; the offset from which the output follows, or null where there is nothing. */
  async recall() {
    const entry = await load(this.key);
    if (entry?.state?.version !== VERSION) return null;
    try {
      restore(this.terminal, entry.state);
    } catch (error) {
      console.warn("A kept screen could not be put back:", error);
      this.terminal.reset();
      return null;
    }
    this.kept = entry.offset;
    this.folder = entry.folder;
    return entry.offset;
  }

  /** Output was drawn. */
  drew() {
    const due = this.feed.drawn - this.kept > MOST_OUTPUT && performance.now() - this.keptAt > AT_MOST_EVERY;
    if (due || this.missed) this.keep();
    else if (this.kept < 0) this.soon();
    else if (this.feed.drawn - this.kept > WORTH_IT) this.whenQuiet();
  }

  whenQuiet() {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.keep(), QUIET);
  }

  /** The screen differs from what the output alone would make: keep it soon. */
  soon() {
    this.timer ??= setTimeout(() => this.keep(), SOON);
  }

  /** Keep the screen as it is now; where something is half read, as soon as it is not. */
  keep() {
    clearTimeout(this.timer);
    clearTimeout(this.quiet);
    this.timer = null;
    if (!this.store || this.over) return;
    const state = this.feed.settled ? capture(this.terminal) : null;
    this.missed = !state;
    if (!state) return;
    this.kept = this.feed.drawn;
    this.keptAt = performance.now();
    const { normal, alt } = state;
    const bytes = [normal, alt].reduce((sum, each) => sum + 4 * (each.contents.length + each.attributes.length), 4096);
    this.store.save(this.key, { state, offset: this.kept, bytes, folder: this.folder });
  }

  /** Nothing is to be kept any more. */
  forget() {
    this.dispose();
    this.ready.then((store) => store?.forget(this.key));
  }

  dispose() {
    this.over = true;
    clearTimeout(this.timer);
    clearTimeout(this.quiet);
    removeEventListener("pagehide", this.leaving);
    document.removeEventListener("visibilitychange", this.hidden);
  }
}
