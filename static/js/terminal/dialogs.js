// The page's questions: closing a terminal, its name, links by which others may look.

import { counted } from "./status.js";

/** Show a dialog and wait: the value of the button that closed it, empty for none. */
export function ask(dialog) {
  dialog.returnValue = "";
  const cancel = dialog.querySelector("[data-cancel]");
  if (cancel) cancel.onclick = () => dialog.close("");
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** What to do with a shell whose tab is closed: "keep", "end", or empty for nothing. Says what would be lost. */
export async function askToClose(dialog, server, session, last) {
  const what = dialog.querySelector("[data-close-what]");
  const list = dialog.querySelector("[data-close-running]");
  dialog.querySelector("[data-close-name]").textContent = session.name;
  dialog.querySelector("[data-close-last]").hidden = !last;
  what.textContent = "Looking at what runs in it…";
  list.replaceChildren();
  const answer = ask(dialog);
  try {
    const { running, known } = await server.get(`${session.id}/running`);
    if (!known) what.textContent = "What runs in it cannot be told.";
    else if (!running.length) what.textContent = "Nothing runs in it but the shell.";
    else what.textContent = `${counted(running.length, "program")} would be ended:`;
    list.replaceChildren(...running.slice(0, 8).map(({ command, pid }) => row(command, pid)));
  } catch (error) {
    what.textContent = error.message;
  }
  return answer;
}

function row(command, pid) {
  const item = document.createElement("li");
  const text = document.createElement("code");
  text.dir = "auto";
  text.textContent = command;
  item.append(text, ` (process ${pid})`);
  return item;
}

/** Ask for a shell's name; null where it stays. */
export async function askName(dialog, session) {
  const field = dialog.querySelector("input");
  field.value = session.title;
  field.placeholder = session.name;
  const answer = ask(dialog);
  field.select();
  return (await answer) === "save" ? field.value.trim() : null;
}

/** The dialog of links: makes, lists, withdraws. */
export class Links {
  constructor(dialog, server) {
    this.dialog = dialog;
    this.server = server;
    this.list = dialog.querySelector("[data-link-list]");
    this.made = dialog.querySelector("[data-link-made]");
    this.problem = dialog.querySelector("[data-link-problem]");
    dialog.querySelector("[data-link-make]").addEventListener("click", () => this.attempt(() => this.make()));
    dialog.querySelector("[data-link-copy]").addEventListener("click", () => this.copy());
    this.list.addEventListener("click", (event) => {
      const id = event.target.closest("[data-revoke]")?.dataset.revoke;
      if (id) this.attempt(() => this.revoke(id));
    });
  }

  open(session) {
    this.session = session;
    this.made.hidden = true;
    this.list.replaceChildren();
    this.dialog.querySelector("[data-link-name]").textContent = session.name;
    this.dialog.showModal();
    this.attempt(() => this.refresh());
  }

  async attempt(action) {
    this.problem.textContent = "";
    try {
      await action();
    } catch (error) {
      this.problem.textContent = error.message;
    }
  }

  async make() {
    const seconds = Number(this.dialog.querySelector("[data-link-seconds]").value);
    const { url } = await this.server.post(`${this.session.id}/links`, { seconds });
    this.made.hidden = false;
    this.made.querySelector("input").value = url;
    this.made.querySelector("input").select();
    await this.refresh();
  }

  async copy() {
    const field = this.made.querySelector("input");
    field.select();
    if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
    else document.execCommand("copy");
  }

  async revoke(id) {
    await this.server.post(`${this.session.id}/links/${id}/revoke`);
    this.made.hidden = true;
    await this.refresh();
  }

  async refresh() {
    const { links } = await this.server.get(`${this.session.id}/links`);
    this.list.replaceChildren(...links.map((link) => this.row(link)));
    this.dialog.querySelector("[data-link-none]").hidden = links.length > 0;
  }

  row({ id, created_by: by, expires_at: expires, opened }) {
    const item = this.dialog.querySelector("template").content.firstElementChild.cloneNode(true);
    const until = new Date(expires).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    item.querySelector("[data-link-about]").textContent = `By ${by}, until ${until}${opened ? ", opened" : ", not opened yet"}`;
    item.querySelector("[data-revoke]").dataset.revoke = id;
    return item;
  }
}
