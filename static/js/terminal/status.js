// How the terminal stands, in words, beside the screen and never on it.

const DELAY_EVERY = 1_000;
const SIGNALS = { 129: "SIGHUP", 130: "SIGINT", 131: "SIGQUIT", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM" };

function ended({ exitCode, reason }) {
  if (exitCode === undefined || exitCode === null) return reason || "The shell has ended";
  const signal = SIGNALS[exitCode];
  return signal ? `The shell was ended by ${signal} (exit code ${exitCode})` : `The shell has ended with exit code ${exitCode}`;
}

function waiting({ attempt, until, reason }) {
  const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
  const when = seconds ? `next in ${seconds} s` : "now";
  const offline = navigator.onLine === false ? "this device is offline" : reason;
  return `Reconnecting: try ${attempt}, ${when}${offline ? ` · ${offline}` : ""}`;
}

export const counted = (number, word) => `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;

// state -> [colour of the dot, words]
const SHOWN = {
  starting: () => ["blue", "Starting a shell"],
  connecting: ({ attempt }) => (attempt ? ["yellow", `Reconnecting: try ${attempt}, now`] : ["blue", "Connecting"]),
  connected: ({ readOnly, stalled, waiting: bytes }) => {
    if (stalled) return ["yellow", `Connected, but ${counted(bytes, "byte")} that you typed wait for the shell`];
    return ["green", readOnly ? "Connected, read-only" : "Connected"];
  },
  waiting: (state) => ["yellow", waiting(state)],
  ended: (state) => ["secondary", ended(state)],
  gone: ({ reason }) => ["red", reason || "The sandbox is gone"],
  "signed-out": () => ["red", "You are signed out"],
  "not-allowed": ({ reason }) => ["red", reason || "You may not use this terminal"],
  closed: () => ["secondary", "No terminal is open"],
  "taken-over": () => ["secondary", "This terminal is open in another connection of this page"],
  expired: ({ reason }) => ["red", reason || "This link has expired"],
  failed: ({ reason }) => ["red", reason],
};

export class Status {
  constructor(bar) {
    this.bar = bar;
    this.words = bar.querySelector("[data-status-words]");
    this.dot = bar.querySelector("[data-status-dot]");
    this.latency = bar.querySelector("[data-latency]");
    this.restart = bar.querySelector("[data-restart]");
    this.others = bar.querySelector("[data-other-sandboxes]");
    this.signIn = bar.querySelector("[data-sign-in]");
    this.again = bar.querySelector("[data-again]");
  }

  show(state) {
    clearInterval(this.clock);
    this.paint(state);
    if (state.name === "waiting") this.clock = setInterval(() => this.paint(state), 250);
    this.bar.dataset.state = state.name;
    for (const [part, names] of [
      [this.restart, ["ended"]],
      [this.others, ["gone"]],
      [this.signIn, ["signed-out"]],
      [this.again, ["waiting", "taken-over", "not-allowed"]],
    ]) {
      if (part) part.hidden = !names.includes(state.name);
    }
    if (state.name !== "connected") this.delay(null);
  }

  paint(state) {
    const [colour, words] = SHOWN[state.name](state);
    this.dot.className = `status-dot bg-${colour}${colour === "yellow" || colour === "blue" ? " status-dot-animated" : ""}`;
    if (this.words.textContent !== words) this.words.textContent = words;
  }

  /**
   * Show how long a message takes to the console and back, in milliseconds; null for nothing. Once a second: while a
   * frame is due, Chromium hands the page no message that comes after a key, so that each change here delays an echo.
   */
  delay(ms) {
    this.ms = ms;
    if (ms === null) this.tellDelay();
    else this.telling ??= setTimeout(() => this.tellDelay(), DELAY_EVERY);
  }

  tellDelay() {
    clearTimeout(this.telling);
    this.telling = undefined;
    const words = this.ms === null ? "" : this.ms < 1 ? "<1 ms" : `${Math.round(this.ms)} ms`;
    if (this.latency.textContent !== words) this.latency.textContent = words;
  }
}
