// The search bar: Ctrl-Shift-F opens it, Enter goes on, Shift-Enter back, Escape closes.

const DECORATIONS = {
  matchBackground: "#f2cc60",
  activeMatchBackground: "#f0883e",
  matchOverviewRuler: "#f2cc60",
  activeMatchColorOverviewRuler: "#f0883e",
};

/** Let `bar`, a form with an input, search the pane that `active()` gives. Returns {key, follow}. */
export function controlSearch(bar, opener, active) {
  const input = bar.querySelector("input");
  const count = bar.querySelector("[data-search-count]");
  const options = (incremental) => ({ decorations: DECORATIONS, incremental });
  const open = () => {
    bar.hidden = false;
    input.select();
    input.focus();
  };
  const close = () => {
    bar.hidden = true;
    active()?.search?.clearDecorations();
    active()?.terminal?.focus();
  };
  const find = (backwards, incremental = false) => {
    const search = active()?.search;
    if (backwards) search?.findPrevious(input.value, options(false));
    else search?.findNext(input.value, options(incremental));
  };
  const follow = (pane) => {
    if (!pane.search || pane.searched) return;
    pane.searched = true;
    pane.search.onDidChangeResults(({ resultIndex, resultCount }) => {
      if (pane === active()) count.textContent = input.value ? `${resultIndex + 1} of ${resultCount}` : "";
    });
  };
  opener.addEventListener("click", () => (bar.hidden ? open() : close()));
  input.addEventListener("input", () => find(false, true));
  bar.addEventListener("submit", (event) => {
    event.preventDefault();
    find(event.submitter?.value === "back");
  });
  bar.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && event.shiftKey) find(true);
    else return;
    event.preventDefault();
  });
  bar.querySelector("[data-search-close]").addEventListener("click", close);
  const key = (event) => {
    if (!(event.ctrlKey && event.shiftKey && event.code === "KeyF")) return true;
    event.preventDefault();
    if (event.type === "keydown") open();
    return false;
  };
  return { key, follow };
}
