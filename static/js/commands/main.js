// The output on a command's page: it attaches, draws what comes, and says how it stands.
import { Lines, MAX_LINES } from "./lines.js";
import { Search } from "./search.js";
import { OutputSocket } from "./socket.js";
import { View } from "./view.js";

const FACTS_TRIES = 20;
const FACTS_PAUSE = 500; // milliseconds

const WORDS = {
  connecting: ["blue", () => "Connecting"],
  live: ["green", () => "Live"],
  waiting: ["yellow", ({ reason, until }) => `Reconnecting in ${Math.max(0, Math.ceil((until - performance.now()) / 1000))} s${reason ? `: ${reason}` : ""}`],
  ended: ["secondary", ({ reason }) => reason || "Ended"],
  gone: ["red", ({ reason }) => reason || "The output is gone"],
  "not-allowed": ["red", ({ reason }) => reason || "You may not look at this"],
  "signed-out": ["red", () => "You are signed out: reload the page"],
};

function stored(key, otherwise) {
  try {
    return localStorage.getItem(key) ?? otherwise;
  } catch {
    return otherwise; // storage may be forbidden
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the choice holds for this page alone
  }
}

/** Ask for the command's facts until they say that it has ended: the server writes that down a moment later. */
async function refreshFacts() {
  for (let tries = 0; tries < FACTS_TRIES; tries += 1) {
    const facts = document.getElementById("command-facts");
    if (!facts?.querySelector(".status-dot-animated")) return;
    await htmx.ajax("GET", facts.dataset.facts, { target: facts, swap: "outerHTML" });
    await new Promise((done) => setTimeout(done, FACTS_PAUSE));
  }
}

class Panel {
  constructor(card) {
    this.part = (name) => card.querySelector(`[data-${name}]`);
    this.box = this.part("lines");
    this.lines = new Lines();
    this.socket = new OutputSocket(card.dataset.socket.replace(/^/, `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`));
    this.view = new View(this.box, this.lines, () => this.drawn());
    this.search = new Search(this.part("search"), this.lines, this.view);
    this.listen();
    this.buttons();
    this.socket.connect();
  }

  listen() {
    const on = (name, then) => this.socket.addEventListener(name, ({ detail }) => then(detail));
    on("output", ({ stream, text }) => this.add(() => this.lines.add(stream, text)));
    on("gap", ({ stream, from, to }) => this.add(() => this.lines.gap(stream, from, to)));
    on("exit", (detail) => this.exited(detail));
    on("state", (detail) => this.state(detail));
  }

  add(change) {
    change();
    this.view.soon();
  }

  buttons() {
    const follow = this.part("follow");
    this.view.onfollow = (on) => follow.setAttribute("aria-pressed", String(on));
    follow.addEventListener("click", () => this.view.follow(!this.view.following));
    const wrap = this.part("wrap");
    const show = (on) => {
      this.box.classList.toggle("output-wrapped", on);
      wrap.setAttribute("aria-pressed", String(on));
    };
    wrap.addEventListener("click", () => {
      const on = wrap.getAttribute("aria-pressed") !== "true";
      store("output-wrap", on ? "on" : "off");
      show(on);
      if (this.view.following) this.view.toEnd();
    });
    show(stored("output-wrap", "on") === "on");
    document.addEventListener("keydown", (event) => {
      if (event.key !== "f" || !(event.ctrlKey || event.metaKey) || !this.box.contains(document.activeElement)) return;
      event.preventDefault();
      this.search.input.focus();
    });
  }

  drawn() {
    this.socket.drawn();
    this.search.refresh();
    this.box.hidden = this.lines.next === 0 && this.over;
    const empty = this.part("empty");
    empty.hidden = this.lines.next > 0;
    empty.textContent = this.over ? "It wrote nothing." : "Nothing written yet.";
    const note = this.part("note");
    note.hidden = this.lines.first === 0;
    if (this.lines.first) note.textContent = `Line ${(this.lines.first + 1).toLocaleString()} and later: the page keeps the last ${MAX_LINES.toLocaleString()} lines or 4 MiB. The download has all that the sandbox still holds.`;
  }

  exited({ exitCode, reason }) {
    this.over = true;
    this.lines.end();
    this.view.soon();
    this.end = reason || `Ended with exit code ${exitCode}`;
    document.querySelector("[data-kill]")?.remove();
    refreshFacts();
  }

  state(detail) {
    clearInterval(this.clock);
    const final = !["connecting", "live", "waiting"].includes(detail.name);
    if (final) {
      this.over = true;
      this.view.soon();
    }
    const show = () => {
      const [colour, words] = WORDS[detail.name];
      this.part("dot").className = `status-dot bg-${colour}${["blue", "yellow"].includes(colour) || detail.name === "live" ? " status-dot-animated" : ""}`;
      this.part("words").textContent = detail.name === "ended" && this.end ? this.end : words(detail);
    };
    show();
    if (detail.name === "waiting") this.clock = setInterval(show, 500);
  }
}

for (const card of document.querySelectorAll("[data-output]")) new Panel(card);
