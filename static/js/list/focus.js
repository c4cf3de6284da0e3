// Where a live change takes the row that has the focus away, the row that moved up has it.
import { stopOf } from "./keys.js";

export function keepFocus(page) {
  let at = -1;
  const rows = () => [...page.querySelectorAll("tr[data-key]")];
  page.addEventListener("console:morphing", () => {
    at = rows().indexOf(document.activeElement?.closest("tr[data-key]"));
  });
  page.addEventListener("console:morphed", () => {
    const left = rows();
    if (at < 0 || document.activeElement !== document.body || !left.length) return;
    stopOf(left[Math.min(at, left.length - 1)]).focus({ preventScroll: true });
  });
}
