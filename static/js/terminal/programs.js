// What programs in the shell tell the page by escape sequences: their title, their folder, a bell, text for the
// clipboard. All of it comes from the sandbox and is not to be trusted: bounded, without control characters, and nothing
// reaches the clipboard before the person has agreed.

const LONGEST_TITLE = 100;
const LONGEST_FOLDER = 1024;
const MOST_COPIED = 1024 * 1024;

/** Text of a sandbox as it may stand in a page: control characters are shown as what they are. */
export function plain(text, longest = LONGEST_TITLE) {
  const cut = [...String(text)].slice(0, longest).join("");
  return cut.replace(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu, "\ufffd");
}

function folderOf(data) {
  const match = /^file:\/\/[^/]*(\/.*)$/s.exec(data);
  if (!match) return null;
  try {
    return plain(decodeURIComponent(match[1]), LONGEST_FOLDER);
  } catch {
    return plain(match[1], LONGEST_FOLDER); // a folder with a lone % in its name
  }
}

function decoded(base64) {
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  } catch {
    return "";
  }
}

/** Call `told(what, value)` with title, folder, bell or copy. What old output says again is not told, but for names. */
export function listen(terminal, replaying, told) {
  terminal.onTitleChange((title) => told("title", plain(title)));
  terminal.onBell(() => replaying() || told("bell"));
  terminal.parser.registerOscHandler(7, (data) => {
    const folder = folderOf(data);
    if (folder) told("folder", folder);
    return true;
  });
  terminal.parser.registerOscHandler(52, (data) => {
    const base64 = data.slice(data.indexOf(";") + 1);
    // A program may never read the clipboard.
    if (base64 === "?" || base64.length > (MOST_COPIED * 4) / 3 || replaying()) return true;
    const text = decoded(base64);
    if (text) told("copy", text);
    return true;
  });
}

/** Ask whether a program may put text into the clipboard, and do so; one question at a time. */
export async function offerCopy(dialog, text) {
  if (dialog.open || dialog.dataset.never) return;
  dialog.querySelector("[data-copy-count]").textContent = text.length.toLocaleString();
  dialog.querySelector("[data-copy-preview]").textContent = plain(text.slice(0, 300), 300);
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue === "never") dialog.dataset.never = "true";
  if (dialog.returnValue === "copy") await navigator.clipboard?.writeText(text);
}
