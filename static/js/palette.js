// The command palette: Ctrl/Cmd-K. The server finds; the arrows choose; what was opened last stands first.
import { recent, remember } from "./palette/recent.js";

const PAUSE = 120; // milliseconds after the last letter before the server is asked

function optionsOf(list) {
  return [...list.querySelectorAll("[role=option]")];
}

export function startPalette() {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = document.getElementById("palette-input");
  const list = document.getElementById("palette-list");
  const status = document.getElementById("palette-status");
  let asked = null;
  let timer = 0;

  function choose(option) {
    for (const each of optionsOf(list)) each.setAttribute("aria-selected", String(each === option));
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function show(nodes) {
    list.replaceChildren(...nodes);
    const found = optionsOf(list);
    choose(found[0]);
    status.textContent = `${found.length} result${found.length === 1 ? "" : "s"}`;
  }

  function recentGroup() {
    const group = document.getElementById("palette-recent").content.firstElementChild.cloneNode(true);
    recent(dialog.dataset.team).forEach(({ label, href }, at) => {
      const line = document.getElementById("palette-line").content.firstElementChild.cloneNode(true);
      line.href = href;
      line.id = `palette-recent-${at}`;
      line.querySelector(".palette-label").textContent = label;
      group.append(line);
    });
    return group.querySelector("[role=option]") ? [group] : [];
  }

  async function ask() {
    asked?.abort();
    const own = (asked = new AbortController());
    const query = input.value.trim();
    const url = `${dialog.dataset.src}?${new URLSearchParams({ q: query })}`;
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: own.signal });
      const away = answer.headers.get("HX-Redirect");
      if (away) return location.assign(away);
      if (!answer.ok) throw new Error(String(answer.status));
      const holder = document.createElement("template");
      holder.innerHTML = await answer.text();
      if (own.signal.aborted) return;
      show([...(query ? [] : recentGroup()), ...holder.content.childNodes]);
    } catch (error) {
      if (error.name !== "AbortError") show([document.getElementById("palette-lost").content.cloneNode(true)]);
    } finally {
      if (asked === own) list.removeAttribute("aria-busy");
    }
  }

  function open() {
    if (dialog.open || document.querySelector("dialog[open]")) return;
    input.value = "";
    dialog.showModal();
    input.focus();
    ask();
  }

  function go(option) {
    remember(dialog.dataset.team, option.querySelector(".palette-label").textContent, option.getAttribute("href"));
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const found = optionsOf(list);
    const at = found.findIndex((each) => each.getAttribute("aria-selected") === "true");
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 5, PageUp: at - 5 }[event.key];
    if (to !== undefined && found.length) {
      event.preventDefault();
      const step = event.key.startsWith("Page") ? Math.max(0, Math.min(found.length - 1, to)) : (to + found.length) % found.length;
      choose(found[step]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      found[at]?.click();
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(option);
  });
  list.addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option.getAttribute("aria-selected") !== "true") choose(option);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => asked?.abort());
  document.addEventListener("console:palette", open);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette-open]")) {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key?.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    // In a terminal Ctrl-K belongs to the shell; Cmd-K is nobody's there.
    if (event.ctrlKey && event.target.closest?.(".xterm")) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  });
}
