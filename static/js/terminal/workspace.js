// All terminals of one sandbox on one page: tabs and panes, the one that is typed in, and what the bar says of it.

import { askName, askToClose } from "./dialogs.js";
import { Layout, MOST_PANES } from "./layout.js";
import { Pane } from "./pane.js";
import { counted } from "./status.js";
import { Tabs } from "./tabs.js";

const SAVE_AFTER = 500;
const NOTE_STAYS = 8_000;

export class Workspace {
  /** `parts` are the page's elements and helpers: {page, panels, tabs, status, people, server, dialogs, handleKey}. */
  constructor(data, parts) {
    Object.assign(this, parts);
    this.data = data;
    this.sessions = new Map(data.sessions.map((session) => [session.id, session]));
    this.layout = new Layout(data.layout, new Set(this.sessions.keys()));
    if (data.active) this.layout.add(data.active);
    this.panes = new Map();
    this.strip = new Tabs(parts.tabs, parts.page.querySelector("[data-tab-template]"));
    this.strip.addEventListener("choose", ({ detail }) => this.choose(this.lastOf(detail.id)));
    this.strip.addEventListener("close", ({ detail }) => this.close(this.lastOf(detail.id)));
    this.strip.addEventListener("rename", ({ detail }) => this.rename(this.lastOf(detail.id)));
    this.strip.addEventListener("move", ({ detail }) => this.move(detail.from, detail.to));
    addEventListener("popstate", () => this.choose(location.pathname.split("/").at(-2), false));
    addEventListener("beforeunload", (event) => this.unsent() && event.preventDefault());
  }

  /** Show what there is, the chosen one first. */
  start() {
    for (const id of this.layout.ids) this.place(id);
    this.choose(this.data.active ?? this.layout.ids[0]);
    // The others connect when the first has, for their bells and titles.
    setTimeout(() => this.layout.ids.forEach((id) => this.open(id)), 300);
  }

  get active() {
    return this.panes.get(this.activeId);
  }

  /** What was typed and did not arrive, in any pane. */
  unsent() {
    return [...this.panes.values()].some(({ transport }) => transport && !transport.over && transport.input.waiting > 0);
  }

  // A tab has the id of its first pane; its last chosen pane is the one to go on with.
  lastOf(tabId) {
    const tab = this.layout.tabs[this.layout.tabOf(tabId)];
    return tab?.panes.includes(this.activeId) ? this.activeId : (tab?.panes.includes(tab.chosen) ? tab.chosen : tabId);
  }

  place(id) {
    const tab = this.layout.tabs[this.layout.tabOf(id)];
    const session = this.sessions.get(id);
    const pane = new Pane(session, {
      address: socketAddress(`${this.data.base}${id}/socket`),
      key: `${this.data.person}/${id}`,
      nonce: this.page.dataset.nonce,
    });
    this.panes.set(id, pane);
    this.panelOf(tab).append(pane.element);
    pane.addEventListener("active", () => this.choose(id));
    pane.addEventListener("state", () => this.changed(id));
    pane.addEventListener("latency", () => id === this.activeId && this.status.delay(pane.latency));
    pane.addEventListener("people", () => id === this.activeId && this.people.show(pane));
    pane.addEventListener("title", ({ detail }) => this.named(session, "programTitle", detail));
    pane.addEventListener("folder", ({ detail }) => this.named(session, "folder", detail));
    pane.addEventListener("bell", () => this.ring(id));
    pane.addEventListener("copy", ({ detail }) => id === this.activeId && this.offerCopy(detail));
    pane.addEventListener("dropped", ({ detail }) => this.tellDropped(detail));
    this.keysOf(pane);
    this.arrange();
    return pane;
  }

  panelOf(tab) {
    const existing = tab.panes.map((id) => this.panes.get(id)?.element.parentElement).find(Boolean);
    if (existing) return existing;
    const panel = document.createElement("div");
    panel.className = "terminal-panel";
    panel.setAttribute("role", "tabpanel");
    this.panels.append(panel);
    return panel;
  }

  // Panels follow the layout: their panes in order, in their direction; only the active one can be seen.
  arrange() {
    for (const tab of this.layout.tabs) {
      const panel = this.panelOf(tab);
      panel.id = `panel-${tab.panes[0]}`;
      panel.setAttribute("aria-labelledby", `tab-${tab.panes[0]}`);
      panel.classList.toggle("terminal-column", tab.direction === "column");
      const elements = tab.panes.map((id) => this.panes.get(id)?.element).filter(Boolean);
      if (elements.some((element, index) => panel.children[index] !== element)) panel.append(...elements);
      panel.classList.toggle("active", tab.panes.includes(this.activeId));
      panel.inert = !tab.panes.includes(this.activeId);
    }
    for (const panel of [...this.panels.children]) if (!panel.children.length) panel.remove();
    for (const [id, pane] of this.panes) pane.element.classList.toggle("active", id === this.activeId);
    this.showTabs();
  }

  showTabs() {
    const tabs = this.layout.tabs.map((tab) => {
      const id = this.lastOf(tab.panes[0]);
      const session = this.sessions.get(id);
      return {
        id: tab.panes[0],
        name: nameOf(session),
        folder: session.folder,
        panes: tab.panes.length,
        bell: tab.panes.some((each) => this.sessions.get(each).bell),
        state: this.panes.get(id)?.state.name,
        active: tab.panes.includes(this.activeId),
      };
    });
    this.strip.show(tabs);
  }

  open(id) {
    const pane = this.panes.get(id);
    if (!pane || pane.begun) return;
    pane.begun = true;
    pane.start((event) => this.handleKey(event, pane));
  }

  /** Look at a shell and type in it. */
  choose(id, remember = true) {
    if (!this.panes.has(id)) return;
    const session = this.sessions.get(id);
    session.bell = false;
    const changed = id !== this.activeId;
    this.activeId = id;
    this.layout.tabs[this.layout.tabOf(id)].chosen = id;
    if (changed) this.arrange();
    for (const each of this.layout.tabs[this.layout.tabOf(id)].panes) this.open(each);
    const pane = this.panes.get(id);
    if (changed || !pane.element.contains(document.activeElement)) pane.terminal?.focus();
    if (changed && remember) history.replaceState(null, "", `${this.data.base}${id}/`);
    this.changed(id);
    this.status.delay(pane.latency);
    this.people.show(pane);
    this.shown?.(pane);
    expose(pane);
  }

  changed(id) {
    this.showTabs();
    if (id !== this.activeId) return;
    const pane = this.active;
    this.status.show(pane.state);
    this.people.show(pane);
  }

  named(session, what, text) {
    if (session[what] === text) return;
    session[what] = text;
    this.showTabs();
  }

  ring(id) {
    if (id === this.activeId && document.hasFocus()) return;
    this.sessions.get(id).bell = true;
    this.showTabs();
  }

  /** Start another shell: in a tab of its own, or beside the active one in a "row" or "column". */
  async create(direction = null) {
    const beside = this.activeId;
    const tab = this.layout.tabs[this.layout.tabOf(beside)];
    if (direction && tab?.panes.length >= MOST_PANES) return this.note(`A tab has room for ${MOST_PANES} terminals.`);
    const session = await this.attempt(() => this.server.post("new", { folder: this.sessions.get(beside)?.folder ?? "" }));
    if (!session) return undefined;
    this.sessions.set(session.id, session);
    if (!direction || !this.layout.split(beside, session.id, direction)) this.layout.add(session.id);
    this.place(session.id);
    this.choose(session.id);
    this.save();
    return session.id;
  }

  /** Show a shell that goes on without a tab. */
  reopen(id) {
    this.layout.add(id);
    this.place(id);
    this.choose(id);
    this.save();
  }

  async close(id) {
    const session = this.sessions.get(id);
    const pane = this.panes.get(id);
    const over = ["ended", "gone"].includes(pane.state.name);
    let answer = "end";
    if (this.data.may_write && !over) {
      answer = await askToClose(this.dialogs.close, this.server, { id, name: nameOf(session) }, this.layout.ids.length === 1);
      if (!answer) return pane.terminal?.focus();
    } else if (!over) {
      answer = "keep";
    }
    if (answer === "end" && !over && !(await this.attempt(() => this.server.post(`${id}/end`)))) return undefined;
    session.ended = over || answer === "end";
    this.leave(id);
    if (answer === "keep") this.note(`${nameOf(session)} goes on. ${this.data.idle_words}`);
    return undefined;
  }

  leave(id) {
    const next = this.layout.remove(id);
    const pane = this.panes.get(id);
    if (this.sessions.get(id).ended) pane.memory?.forget();
    pane.close();
    this.panes.delete(id);
    this.activeId = undefined;
    this.arrange();
    this.save();
    if (next) this.choose(next);
    this.empty();
  }

  /** Nothing is open: say what goes on, and offer what can be done. */
  empty() {
    const none = this.layout.ids.length === 0;
    this.page.classList.toggle("terminal-empty", none);
    this.page.querySelector("[data-nothing-open]").hidden = !none;
    if (!none) return;
    this.status.show({ name: "closed" });
    this.people.show(null);
    const going = [...this.sessions.values()].filter(({ ended }) => !ended).length;
    this.page.querySelector("[data-nothing-words]").textContent = going
      ? `${counted(going, "shell")} ${going === 1 ? "goes" : "go"} on without a tab. ${this.data.idle_words}`
      : "No shell runs here.";
    history.replaceState(null, "", this.data.base);
  }

  async rename(id) {
    const session = this.sessions.get(id);
    if (!this.data.may_write || !session) return;
    const title = await askName(this.dialogs.rename, { title: session.title, name: nameOf({ ...session, title: "" }) });
    if (title !== null && (await this.attempt(() => this.server.post(`${id}/rename`, { title })))) {
      session.title = title;
      this.showTabs();
    }
    this.active?.terminal?.focus();
  }

  move(from, to) {
    if (!this.layout.move(from, to)) return;
    this.showTabs();
    this.save();
  }

  /** Turn the active tab's panes: side by side, or one below the other. */
  turn() {
    const tab = this.layout.tabs[this.layout.tabOf(this.activeId)];
    if (!tab) return;
    tab.direction = tab.direction === "row" ? "column" : "row";
    this.arrange();
    this.save();
  }

  save() {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.attempt(() => this.server.post("layout", this.layout.data)), SAVE_AFTER);
  }

  async attempt(action) {
    try {
      return (await action()) ?? true;
    } catch (error) {
      this.note(error.message);
      return null;
    }
  }

  tellDropped({ bytes, why }) {
    const reason = why === "keyboard" ? "somebody else has the keyboard" : "whether they had arrived was not known";
    this.note(`${counted(bytes, "typed byte")} ${bytes === 1 ? "was" : "were"} dropped: ${reason}.`);
  }

  /** Say something in the bar for a while. */
  note(words) {
    this.noteElement.textContent = words;
    clearTimeout(this.noting);
    this.noting = setTimeout(() => (this.noteElement.textContent = ""), NOTE_STAYS);
  }
}

/** What a shell is called: as a person named it, as its programs do, or by its place. */
export function nameOf(session) {
  return session.title || session.programTitle || `Shell ${session.number}`;
}

/** A path as the address of a WebSocket of this host. */
export function socketAddress(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return address;
}

/** The screen is drawn on a canvas, where neither a test nor an extension can read it. */
export function expose(pane) {
  window.__terminal = {
    pane,
    get terminal() {
      return pane.terminal;
    },
    get feed() {
      return pane.feed;
    },
    get transport() {
      return pane.transport;
    },
  };
}
