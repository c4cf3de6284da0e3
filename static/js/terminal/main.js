// The terminal page of one sandbox: puts tabs, screens, bar and dialogs together.

import { controlClipboard } from "./clipboard.js";
import { Links } from "./dialogs.js";
import { controlKeys } from "./keys.js";
import { People } from "./people.js";
import { offerCopy, plain } from "./programs.js";
import { controlSearch } from "./search.js";
import { Server } from "./server.js";
import { controlSettings, settings } from "./settings.js";
import { Status } from "./status.js";
import { Workspace, nameOf } from "./workspace.js";

const page = document.querySelector("[data-terminal-page]");
const find = (selector) => page.querySelector(selector);
const data = JSON.parse(document.getElementById("terminal-data").textContent);
const server = new Server(data.base);
const dialogs = { close: find("[data-close-dialog]"), rename: find("[data-rename-dialog]") };
const active = () => workspace.active;

const clipboard = controlClipboard(find("[data-panels]"), active, find("[data-paste-dialog]"));
const search = controlSearch(find("[data-search]"), find("[data-search-open]"), active);
const keysOf = controlKeys(find("[data-keys]"), active);

const workspace = new Workspace(data, {
  page,
  panels: find("[data-panels]"),
  tabs: find("[data-tabs]"),
  status: new Status(find("[data-terminal-bar]")),
  people: new People(find("[data-people]"), find("[data-keyboard]")),
  server,
  dialogs,
  keysOf,
  noteElement: find("[data-note]"),
  handleKey: (event) => clipboard(event) && search.key(event) && shortcut(event),
  offerCopy: (text) => offerCopy(find("[data-copy-dialog]"), text),
  shown: (pane) => {
    search.follow(pane);
    copyOnSelect(pane);
  },
});

// The browser's own keys for tabs stay the browser's; these it does not have.
function shortcut(event) {
  if (!event.ctrlKey || !event.shiftKey || event.metaKey) return true;
  const tabs = workspace.layout.tabs;
  const at = workspace.layout.tabOf(workspace.activeId);
  const step = { PageUp: -1, PageDown: 1 }[event.code];
  if (!step) return true;
  event.preventDefault();
  if (event.type !== "keydown") return false;
  if (event.altKey) workspace.move(at, at + step);
  else workspace.choose(workspace.lastOf(tabs[(at + step + tabs.length) % tabs.length].panes[0]));
  return false;
}

function copyOnSelect(pane) {
  if (!pane.terminal || pane.copies) return;
  pane.copies = true;
  pane.terminal.onSelectionChange(() => {
    const text = settings.values.copyOnSelect ? pane.terminal.getSelection() : "";
    if (text) navigator.clipboard?.writeText(text).catch(() => workspace.note("The browser does not let the page copy."));
  });
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([active().text()], { type: "text/plain;charset=utf-8" }));
  link.download = `${data.sandbox}-${plain(nameOf(active().session), 40).replace(/[^\p{L}\p{N}._-]+/gu, "-")}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const links = data.may_write ? new Links(find("[data-link-dialog]"), server) : null;
const actions = {
  "new": () => workspace.create(),
  "split-row": () => workspace.create("row"),
  "split-column": () => workspace.create("column"),
  turn: () => workspace.turn(),
  rename: () => workspace.rename(workspace.activeId),
  close: () => workspace.close(workspace.activeId),
  share: () => links.open({ id: workspace.activeId, name: nameOf(active().session) }),
  download,
  "again": () => active().transport.connect(),
  smaller: () => settings.set({ fontSize: settings.values.fontSize - 1 }),
  larger: () => settings.set({ fontSize: settings.values.fontSize + 1 }),
};

page.addEventListener("click", (event) => {
  const name = event.target.closest("[data-do]")?.dataset.do;
  if (!name || (!active() && !["new"].includes(name))) return;
  actions[name]();
  if (["smaller", "larger", "turn", "download", "again"].includes(name)) active()?.terminal?.focus();
});

/** A shell that goes on without a tab is one click away. */
function listRunning() {
  const open = new Set(workspace.layout.ids);
  const list = find("[data-running-list]");
  const others = [...workspace.sessions.values()].filter(({ id, ended }) => !ended && !open.has(id));
  find("[data-running]").hidden = !others.length;
  list.replaceChildren(
    ...others.map((session) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "dropdown-item text-break";
      button.dir = "auto";
      button.textContent = nameOf(session) + (session.created_by ? ` · ${session.created_by}` : "");
      button.addEventListener("click", () => {
        workspace.reopen(session.id);
        workspace.empty();
      });
      return button;
    }),
  );
}

find("[data-more]").addEventListener("show.bs.dropdown", listRunning);
controlSettings(page, find("[data-settings-dialog]"));

if (workspace.layout.ids.length) workspace.start();
else if (data.may_write && !data.sessions.some(({ mine, ended }) => mine && !ended)) workspace.create().then(() => workspace.empty());
else workspace.empty();
