// Keys of pages: registered here with what they do, so that `?` can tell them in one place.

const known = []; // {keys, description, handler, section}
const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], .xterm";
const PATIENCE = 1200; // milliseconds between the keys of a sequence

/**
 * Do `handler` when `keys` is pressed outside of a text field and of a dialog: one key as `KeyboardEvent.key` names it,
 * or a sequence of them, "g s".
 */
export function registerShortcut(keys, description, handler, section = "Everywhere") {
  known.push({ keys, description, handler, section });
}

/** Every shortcut of this page: [{keys, description, section}]. */
export function shortcuts() {
  return known.map(({ keys, description, section }) => ({ keys, description, section }));
}

let pressed = "";
let timer = 0;

function forget() {
  clearTimeout(timer);
  pressed = "";
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (["Shift", "CapsLock"].includes(event.key)) return;
  if (event.target.closest?.(TYPED) || document.querySelector("dialog[open]")) return forget();
  const both = pressed ? `${pressed} ${event.key}` : event.key;
  forget();
  const shortcut = known.find(({ keys }) => keys === both) ?? known.find(({ keys }) => keys === event.key);
  if (shortcut) {
    event.preventDefault();
    shortcut.handler(event);
  } else if (known.some(({ keys }) => keys.startsWith(`${event.key} `))) {
    pressed = event.key;
    timer = setTimeout(forget, PATIENCE);
  }
});

// <a data-shortcut="g s" data-shortcut-tells="Sandboxes"> is clicked by its keys.
function registerLinks() {
  for (const element of document.querySelectorAll("[data-shortcut]")) {
    const { shortcut, shortcutTells, shortcutSection } = element.dataset;
    registerShortcut(shortcut, shortcutTells ?? element.textContent.trim(), () => element.click(), shortcutSection ?? "Everywhere");
  }
}

function told(keys) {
  const words = keys.split(" ").map((key) => {
    const kbd = document.createElement("kbd");
    kbd.textContent = key === " " ? "Space" : key;
    return kbd;
  });
  return words.flatMap((word, at) => (at ? [" then ", word] : [word]));
}

function startHelp() {
  const dialog = document.getElementById("shortcuts");
  if (!dialog) return;
  const open = () => {
    const sections = new Map();
    for (const each of [...shortcuts(), { keys: dialog.dataset.paletteKeys, description: "Search and commands", section: "Everywhere" }]) {
      sections.set(each.section, [...(sections.get(each.section) ?? []), each]);
    }
    const parts = [...sections].map(([title, lines]) => {
      const part = document.getElementById("shortcut-section").content.firstElementChild.cloneNode(true);
      part.querySelector("h3").textContent = title;
      const list = part.querySelector("dl");
      for (const { keys, description } of lines) {
        const term = document.createElement("dt");
        term.append(...told(keys));
        const what = document.createElement("dd");
        what.textContent = description;
        list.append(term, what);
      }
      return part;
    });
    dialog.querySelector("[data-shortcut-list]").replaceChildren(...parts);
    dialog.showModal();
  };
  registerShortcut("?", "This list", open);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) dialog.close();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-shortcuts-open]")) open();
  });
}

export function startShortcuts() {
  registerLinks();
  startHelp();
}
