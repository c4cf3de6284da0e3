// Keys that a touch screen's keyboard has not: Escape, Tab, Control, arrows.

const KEYS = { escape: "\x1b", tab: "\t", up: "A", down: "B", right: "C", left: "D", home: "H", end: "F" };

/** Let the bar's buttons type into the pane that `active()` gives. */
export function controlKeys(bar, active) {
  const control = bar.querySelector("[data-key=control]");
  const setControl = (pane, on) => {
    pane.control = on;
    control.ariaPressed = String(on);
  };
  // The focus stays on the terminal, so that the screen's keyboard stays open.
  bar.addEventListener("pointerdown", (event) => event.target.closest("[data-key]") && event.preventDefault());
  bar.addEventListener("click", (event) => {
    const name = event.target.closest("[data-key]")?.dataset.key;
    const pane = active();
    if (!name || !pane?.terminal) return;
    if (name === "control") setControl(pane, !pane.control);
    else pane.type(sequence(name, pane.terminal));
    pane.terminal.focus();
  });
  return (pane) => pane.addEventListener("control-used", () => setControl(pane, false));
}

function sequence(name, terminal) {
  const key = KEYS[name] ?? name;
  if (!/^[A-H]$/.test(key)) return key;
  return (terminal.modes.applicationCursorKeysMode ? "\x1bO" : "\x1b[") + key;
}
