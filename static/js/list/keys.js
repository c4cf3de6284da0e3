// Keys of a list: j and k go from row to row, x selects, Enter opens by itself since the row's link has the focus, o too.
import { registerShortcut } from "../shortcuts.js";

const rows = (page) => [...page.querySelectorAll("tr[data-key]")];

/** What of a row takes the focus. */
export function stopOf(row) {
  const stop = row.querySelector("[data-row-link]") ?? row.querySelector("[data-check-row]") ?? row;
  if (stop === row) row.tabIndex = -1;
  return stop;
}

function move(page, step) {
  const all = rows(page);
  if (!all.length) return;
  const at = all.indexOf(document.activeElement?.closest("tr[data-key]"));
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
  const stop = stopOf(all[next]);
  stop.focus();
  all[next].scrollIntoView({ block: "nearest" });
}

const current = (page) => rows(page).find((row) => row.contains(document.activeElement));

export function startKeys(page) {
  const search = page.querySelector("#q");
  const many = page.dataset.nounMany;
  registerShortcut("j", "Next row", () => move(page, 1), "Lists");
  registerShortcut("k", "Previous row", () => move(page, -1), "Lists");
  registerShortcut("o", "Open the row", () => current(page)?.querySelector("[data-row-link]")?.click(), "Lists");
  if ("listBulk" in page.dataset) {
    registerShortcut("x", "Select the row, or not", () => current(page)?.querySelector("[data-check-row]")?.click(), "Lists");
  }
  if (search) {
    registerShortcut("/", `Search ${many}`, () => {
      search.focus();
      search.select();
    }, "Lists");
  }
}
