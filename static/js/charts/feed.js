// One address of readings, asked once for all charts that show it: whole for a new range, then by what came since.
import { empty, joined, settled } from "./points.js";

const EVERY = 10000;

class Signal extends Error {}

export class Feed {
  constructor(address, range) {
    this.address = address;
    this.range = range;
    this.columns = empty();
    this.limits = {};
    this.step = 10;
    this.span = 0;
    this.to = 0;
    this.problem = "";
    this.loaded = false;
    this.over = false; // nothing more will come
    this.ended = false; // of something that has ended: its newest point is not now's
    this.listeners = new Set();
    this.asked = 0;
    this.timer = null;
  }

  start() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.ask();
    });
    this.ask();
  }

  choose(range) {
    this.range = range;
    this.columns = empty();
    this.loaded = false;
    this.over = false;
    this.tell();
    this.ask();
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }

  // A newer question makes an older one's answer worthless.
  async ask() {
    clearTimeout(this.timer);
    if (this.over || !this.listeners.size || document.hidden) return;
    const number = (this.asked += 1);
    try {
      const after = settled(this.columns);
      const answer = await this.fetch(after);
      if (number !== this.asked) return;
      this.take(answer, after);
    } catch (error) {
      if (number !== this.asked) return;
      this.problem = error instanceof Signal ? error.message : "The console cannot be reached. Trying again.";
    }
    this.tell();
    this.timer = setTimeout(() => this.ask(), EVERY);
  }

  async fetch(after) {
    const address = new URL(this.address, location.href);
    address.searchParams.set("range", this.range);
    if (Number.isFinite(after)) address.searchParams.set("after", String(after));
    const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20000) });
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) {
      this.over = answer.ok || answer.status === 403 || answer.status === 404;
      throw new Signal(this.over ? "This page is out of date. Load it again." : "The console cannot answer now. Trying again.");
    }
    const body = await answer.json();
    if (answer.ok) return body;
    this.over = answer.status === 404;
    throw new Signal(body.problem);
  }

  take(answer, after) {
    this.step = answer.step;
    this.span = answer.span;
    this.to = answer.to;
    this.limits = answer.limits;
    this.over = this.ended = answer.over;
    this.columns = joined(this.columns, answer.columns, answer.to - answer.span, after);
    this.problem = "";
    this.loaded = true;
  }
}
