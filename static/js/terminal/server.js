// What the terminal's page asks the console by HTTP.

const token = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";

export class Server {
  /** `base` is the address of the sandbox's terminals. */
  constructor(base) {
    this.base = base;
  }

  /** What is at `path`. Throws an error with words for the person. */
  get(path) {
    return this.ask(path, { method: "GET" });
  }

  /** Have something done. Throws an error with words for the person. */
  post(path, body = {}, { leaving = false } = {}) {
    return this.ask(path, { method: "POST", body: JSON.stringify(body), keepalive: leaving });
  }

  async ask(path, options) {
    let answer;
    try {
      answer = await fetch(this.base + path, {
        ...options,
        headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token() },
        credentials: "same-origin",
      });
    } catch {
      throw new Error("The console cannot be reached.");
    }
    if (answer.redirected) throw new Error("You are signed out.");
    const content = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : {};
    if (!answer.ok) throw new Error(content.error || `The console refused this (${answer.status}).`);
    return content;
  }
}
