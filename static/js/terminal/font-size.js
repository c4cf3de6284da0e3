// The size of the screen's letters, remembered for every terminal of this browser.

const KEY = "terminal.fontSize";
const DEFAULT = 14;
const SMALLEST = 8;
const LARGEST = 32;

/** The remembered size in pixels. */
export function storedFontSize() {
  try {
    const size = Number(localStorage.getItem(KEY));
    return size >= SMALLEST && size <= LARGEST ? size : DEFAULT;
  } catch {
    return DEFAULT; // storage may be forbidden
  }
}

/** Let buttons with `data-font-step` in `bar` change the size. */
export function controlFontSize(bar, terminal, changed) {
  for (const button of bar.querySelectorAll("[data-font-step]")) {
    button.addEventListener("click", () => {
      const size = Math.min(LARGEST, Math.max(SMALLEST, terminal.options.fontSize + Number(button.dataset.fontStep)));
      terminal.options.fontSize = size;
      remember(size);
      changed();
      terminal.focus();
    });
  }
}

function remember(size) {
  try {
    localStorage.setItem(KEY, size);
  } catch {
    // it holds for this page only
  }
}
