// Copy and paste. Several lines pasted at a bare prompt would run at once, so the page asks first; a program that
// has switched bracketed paste on can tell a paste from typing and needs no question.

const PREVIEW_LINES = 8;
const PREVIEW_WIDTH = 200;
const LINE_END = /\r\n|\r|\n/;
const LINE_END_AT_END = /(\r\n|\r|\n)$/;

/** Copy with Ctrl-Shift-C, paste with Ctrl-Shift-V or as the browser does, in the pane that `active()` gives. */
export function controlClipboard(host, active, dialog) {
  host.addEventListener(
    "paste",
    (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      event.preventDefault();
      event.stopPropagation();
      const terminal = active()?.terminal;
      if (terminal) paste(terminal, dialog, text);
    },
    true, // before xterm.js, which would type it at once
  );
  return (event) => {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return true;
    if (event.code === "KeyC") {
      event.preventDefault();
      if (event.type === "keydown") copy(active().terminal);
      return false;
    }
    // The browser pastes by itself on Ctrl-Shift-V; the terminal must only not type the key.
    return event.code !== "KeyV";
  };
}

async function copy(terminal) {
  const text = terminal.getSelection();
  if (!text) return;
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else document.execCommand("copy"); // no clipboard object without TLS; xterm.js fills in the selection
}

async function paste(terminal, dialog, text) {
  const lines = text.replace(LINE_END_AT_END, "").split(LINE_END);
  if (lines.length > 1 && !terminal.modes.bracketedPasteMode && !(await agreed(dialog, lines))) return;
  terminal.paste(text);
  terminal.focus();
}

function agreed(dialog, lines) {
  const shown = lines.slice(0, PREVIEW_LINES).map((line) => line.slice(0, PREVIEW_WIDTH));
  if (lines.length > shown.length) shown.push(`… and ${(lines.length - shown.length).toLocaleString()} more lines`);
  dialog.querySelector("[data-paste-count]").textContent = lines.length.toLocaleString();
  dialog.querySelector("[data-paste-preview]").textContent = shown.join("\n");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "paste"), { once: true });
  });
}
