// Pages that follow what happens in their team.
//
// The console's socket tells what has happened; each message is dispatched on the document as "console:event". An
// element with data-live="sandbox pool" (kinds of things) is asked for again after a message of one of them, at
// data-live-src (without: at this page), at most once in 400 ms, less often where the console is slow, and is morphed into what comes: focus, selection, scroll
// and open menus stay. data-live-every="5000" asks every so many milliseconds too. A hidden page asks for nothing and
// catches up when it is shown. Morphed elements send "console:morphing" and "console:morphed", which bubble; where one
// cannot be had anew the document gets "console:stale", and "console:fresh" once it can.

import { Backoff } from "./backoff.js";
import { morph } from "./morph.js";

const PAUSE = 400; // between two askings for one element
const SHARE = 4; // a page waits so many times as long as its last question took
const PATIENCE = 15_000;
const SILENT_AFTER = 60_000; // the console says something every 25 s
const WHILE_LOST = 10_000; // how often to ask while nobody tells
const FINAL = new Set([4400, 4401, 4403, 4404]);

const tell = (type, detail = {}) => document.dispatchEvent(new CustomEvent(type, { detail }));

class Part {
  constructor(element) {
    this.element = element;
    this.last = performance.now() - PAUSE;
    this.due = false;
    this.running = false;
    this.pause = PAUSE;
  }

  /** Ask soon; at once where the last time is long ago. */
  soon() {
    this.due = true;
    if (document.hidden || this.running || this.timer) return;
    const wait = Math.max(0, this.last + this.pause - performance.now());
    this.timer = setTimeout(() => this.ask(), wait);
  }

  async ask() {
    this.timer = 0;
    if (!this.element.isConnected || document.hidden) return;
    this.due = false;
    this.running = true;
    this.last = performance.now();
    try {
      await this.refresh();
    } catch (error) {
      if (!["TypeError", "AbortError", "TimeoutError"].includes(error.name)) throw error;
      // The next message, or the socket's return, asks again.
      tell("console:stale");
    } finally {
      this.running = false;
      this.pause = Math.max(PAUSE, SHARE * (performance.now() - this.last));
      if (this.due) this.soon();
    }
  }

  async refresh() {
    const source = this.element.dataset.liveSrc || location.href;
    const answer = await fetch(source, {
      headers: { "HX-Request": "true", "HX-Current-URL": location.href, "X-Live": "true" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await answer.text();
    if (answer.status >= 500) tell("console:stale", { status: answer.status });
    else tell("console:fresh");
    if (answer.headers.has("HX-Redirect") || !answer.ok) return;
    // Somebody turned the page meanwhile, or is about to: theirs is newer.
    const current = (this.element.dataset.liveSrc || location.href) === source;
    if (!current || !this.element.isConnected || this.element.classList.contains("htmx-request")) return;
    morph(this.element, text);
  }
}

class Live {
  constructor(address) {
    this.parts = new WeakMap();
    this.backoff = new Backoff();
    this.address = address;
    this.followed = false; // whether somebody tells what happens
    document.addEventListener("visibilitychange", () => this.shown());
    addEventListener("online", () => this.socket || this.connect());
    setInterval(() => this.tick(), 1000);
    this.connect();
  }

  connect() {
    clearTimeout(this.retry);
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onmessage = ({ data }) => this.heard(JSON.parse(data));
    socket.onclose = ({ code }) => this.closed(code);
    // What was missed while there was no socket is not known: the console says "back" to who names no place.
    this.address.search = "";
  }

  heard(message) {
    this.heardAt = performance.now();
    switch (message.type) {
      case "ready":
        this.backoff.reset();
        this.followed = true;
        return;
      case "event":
        tell("console:event", message);
        this.each((part, element) => element.dataset.live.split(" ").includes(message.kind) && part.soon());
        return;
      case "lost":
        this.followed = false;
        return;
      case "back":
        this.followed = true;
        this.each((part) => part.soon());
        return;
      default: // a ping
    }
  }

  closed(code) {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket = null;
    this.followed = false;
    if (!FINAL.has(code)) this.retry = setTimeout(() => this.connect(), this.backoff.next());
    else this.over = true;
  }

  tick() {
    const now = performance.now();
    if (this.socket && now - this.heardAt > SILENT_AFTER) {
      this.socket.close();
      this.closed(1006);
    }
    if (document.hidden || this.over) return;
    this.each((part, element) => {
      const every = Number(element.dataset.liveEvery) || (this.followed ? Infinity : WHILE_LOST);
      if (now - part.last >= every) part.soon();
    });
  }

  shown() {
    if (document.hidden) return;
    if (!this.socket && !this.over) this.connect();
    this.each((part) => part.due && part.soon());
  }

  each(visit) {
    for (const element of document.querySelectorAll("[data-live]")) {
      let part = this.parts.get(element);
      if (!part) this.parts.set(element, (part = new Part(element)));
      visit(part, element);
    }
  }
}

export function startLive() {
  const place = document.querySelector("[data-live-socket]");
  if (!place) return;
  const address = new URL(place.dataset.liveSocket, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (place.dataset.liveAfter) address.searchParams.set("after", place.dataset.liveAfter);
  new Live(address);
}
