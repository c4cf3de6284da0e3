// The search bar: Ctrl-Shift-F opens it, Enter goes on, Shift-Enter back, Escape closes.

const DECORATIONS = {
  matchBackground: "#f2cc60",
  activeMatchBackground: "#f0883e",
  matchOverviewRuler: "#f2cc60",
  activeMatchColorOverviewRuler: "#f0883e",
};

/** Let `bar`, a form with an input, search the terminal. Returns a key handler for the terminal. */
export function controlSearch(bar, opener, terminal, search) {
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
    search.clearDecorations();
    terminal.focus();
  };
  const find = (backwards, incremental = false) =>
    backwards ? search.findPrevious(input.value, options(false)) : search.findNext(input.value, options(incremental));

  search.onDidChangeResults(({ resultIndex, resultCount }) => {
    count.textContent = input.value ? `${resultIndex + 1} of ${resultCount}` : "";
  });
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
  return (event) => {
    if (!(event.ctrlKey && event.shiftKey && event.code === "KeyF")) return true;
    event.preventDefault();
    if (event.type === "keydown") open();
    return false;
  };
}
