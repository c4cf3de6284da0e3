// The strip of tabs: names, folders, bells, order. It shows a layout and says what the person wants.
//
// Events: "choose" {id}, "close" {id}, "rename" {id}, "move" {from, to}.

const NAMES = { connected: "", ended: "ended", gone: "gone", waiting: "reconnecting" };

export class Tabs extends EventTarget {
  constructor(strip, template) {
    super();
    this.strip = strip;
    this.template = template;
    this.dragged = null;
    strip.addEventListener("click", (event) => this.click(event));
    strip.addEventListener("dblclick", (event) => this.tell("rename", event));
    strip.addEventListener("keydown", (event) => this.key(event));
    strip.addEventListener("dragstart", (event) => this.drag(event));
    strip.addEventListener("dragover", (event) => this.dragged === null || event.preventDefault());
    strip.addEventListener("drop", (event) => this.drop(event));
    strip.addEventListener("dragend", () => (this.dragged = null));
  }

  /** Show these: [{id, name, folder, panes, bell, state, active}]. Focus stays on the tab that has it. */
  show(tabs) {
    const focused = this.strip.contains(document.activeElement) ? document.activeElement.dataset.tab : null;
    const made = tabs.map((tab) => this.element(tab));
    this.strip.replaceChildren(...made.map(({ item }) => item));
    this.strip.parentElement.classList.toggle("terminal-one-tab", tabs.length < 2);
    if (focused) made.find(({ button }) => button.dataset.tab === focused)?.button.focus();
    made.find(({ button }) => button.ariaSelected === "true")?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  element(tab) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    const button = item.querySelector("[data-tab]");
    button.dataset.tab = tab.id;
    button.id = `tab-${tab.id}`;
    button.ariaSelected = String(tab.active);
    button.tabIndex = tab.active ? 0 : -1;
    button.setAttribute("aria-controls", `panel-${tab.id}`);
    item.classList.toggle("active", tab.active);
    item.querySelector("[data-tab-name]").textContent = tab.name;
    const about = [tab.folder, tab.panes > 1 ? `${tab.panes} panes` : "", NAMES[tab.state] ?? ""].filter(Boolean);
    item.querySelector("[data-tab-folder]").textContent = tab.folder ? shortened(tab.folder) : "";
    button.title = [tab.name, ...about].join(" · ");
    item.querySelector("[data-tab-bell]").hidden = !tab.bell;
    item.querySelector("[data-tab-state]").hidden = !["ended", "gone", "waiting"].includes(tab.state);
    item.querySelector("[data-tab-state]").textContent = NAMES[tab.state] ?? "";
    return { item, button };
  }

  get order() {
    return [...this.strip.querySelectorAll("[data-tab]")];
  }

  idOf(event) {
    return event.target.closest("[data-tab-item]")?.querySelector("[data-tab]").dataset.tab;
  }

  tell(type, event) {
    const id = this.idOf(event);
    if (id) this.dispatchEvent(new CustomEvent(type, { detail: { id } }));
  }

  click(event) {
    this.tell(event.target.closest("[data-tab-close]") ? "close" : "choose", event);
  }

  key(event) {
    const tabs = this.order;
    const at = tabs.indexOf(event.target.closest("[data-tab]"));
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (at < 0) return;
    if (step && event.altKey && event.shiftKey) this.move(at, at + step);
    else if (step) tabs[(at + step + tabs.length) % tabs.length].focus();
    else if (event.key === "F2") this.tell("rename", event);
    else if (event.key === "Delete") this.tell("close", event);
    else return;
    event.preventDefault();
  }

  drag(event) {
    this.dragged = this.order.findIndex((tab) => tab.dataset.tab === this.idOf(event));
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", ""); // without data Firefox drags nothing
  }

  drop(event) {
    const to = this.order.findIndex((tab) => tab.dataset.tab === this.idOf(event));
    event.preventDefault();
    if (this.dragged !== null && to >= 0) this.move(this.dragged, to);
  }

  move(from, to) {
    this.dispatchEvent(new CustomEvent("move", { detail: { from, to } }));
  }
}

/** The end of a long folder, which tells it from others. */
function shortened(folder) {
  const parts = folder.split("/").filter(Boolean);
  if (folder.length <= 24 || parts.length < 2) return folder.length <= 24 ? folder : `…${folder.slice(-23)}`;
  return `…/${parts.slice(-1)[0].slice(-21)}`;
}
