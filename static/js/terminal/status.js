// How the terminal stands, in words, beside the screen and never on it.

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

// state -> [colour of the dot, words]
const SHOWN = {
  starting: () => ["blue", "Starting a shell"],
  connecting: ({ attempt }) => (attempt ? ["yellow", `Reconnecting: try ${attempt}, now`] : ["blue", "Connecting"]),
  connected: ({ readOnly, stalled }) => {
    if (stalled) return ["yellow", "Connected, but the shell does not take what you type"];
    return ["green", readOnly ? "Connected, read-only" : "Connected"];
  },
  waiting: (state) => ["yellow", waiting(state)],
  ended: (state) => ["secondary", ended(state)],
  gone: ({ reason }) => ["red", reason || "The sandbox is gone"],
  "signed-out": () => ["red", "You are signed out"],
  "not-allowed": ({ reason }) => ["red", reason || "You may not use this terminal"],
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
    this.delays = []; // the last few, in milliseconds
  }

  show(state) {
    clearInterval(this.clock);
    this.paint(state);
    if (state.name === "waiting") this.clock = setInterval(() => this.paint(state), 250);
    this.bar.dataset.state = state.name;
    if (this.restart) this.restart.hidden = state.name !== "ended";
    this.others.hidden = state.name !== "gone";
    this.signIn.hidden = state.name !== "signed-out";
    if (state.name !== "connected") this.latency.textContent = "";
  }

  paint(state) {
    const [colour, words] = SHOWN[state.name](state);
    this.dot.className = `status-dot bg-${colour}${colour === "yellow" || colour === "blue" ? " status-dot-animated" : ""}`;
    if (this.words.textContent !== words) this.words.textContent = words;
  }

  /** Show how long a message takes to the console and back: the median of the last few. */
  delay(ms) {
    this.delays = [...this.delays, ms].slice(-5);
    const middle = this.delays.toSorted((a, b) => a - b)[this.delays.length >> 1];
    this.latency.textContent = middle < 1 ? "<1 ms" : `${Math.round(middle)} ms`;
  }
}
