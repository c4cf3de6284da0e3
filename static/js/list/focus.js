// Where other rows come in their place and the row that has the focus goes along, it has the focus again; is it gone, the one that moved up.
import { stopOf } from "./keys.js";

export function keepFocus(page) {
  let key;
  let at = -1;
  const rows = () => [...page.querySelectorAll("tr[data-key]")];
  const remember = () => {
    const row = document.activeElement?.closest("tr[data-key]");
    key = row?.dataset.key;
    at = rows().indexOf(row);
  };
  const restore = () => {
    const left = rows();
    if (at < 0 || document.activeElement !== document.body || !left.length) return;
    const row = left.find((each) => each.dataset.key === key) ?? left[Math.min(at, left.length - 1)];
    stopOf(row).focus({ preventScroll: true });
  };
  for (const before of ["console:morphing", "htmx:beforeSwap"]) page.addEventListener(before, remember);
  for (const after of ["console:morphed", "htmx:afterSwap"]) page.addEventListener(after, restore);
}
