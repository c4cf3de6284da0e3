// Keys of pages: registered here with what they do, so that they can be told in one place.

const known = []; // {keys, description, handler, section}
const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], .xterm";

/** Do `handler` when `keys` (one key as `KeyboardEvent.key` names it) is pressed outside of a text field and of a dialog. */
export function registerShortcut(keys, description, handler, section = "Everywhere") {
  known.push({ keys, description, handler, section });
}

/** Every shortcut of this page: [{keys, description, section}]. */
export function shortcuts() {
  return known.map(({ keys, description, section }) => ({ keys, description, section }));
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.(TYPED) || document.querySelector("dialog[open]")) return;
  const shortcut = known.find(({ keys }) => keys === event.key);
  if (!shortcut) return;
  event.preventDefault();
  shortcut.handler(event);
});
