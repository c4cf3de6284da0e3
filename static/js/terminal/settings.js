// How a person likes terminals, remembered for every terminal of this browser.

const KEY = "terminal.settings";
const DEFAULTS = { fontSize: 14, theme: "console", copyOnSelect: false, screenReader: false };
export const SMALLEST = 8;
export const LARGEST = 32;

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage may be forbidden, or hold what another version wrote
  }
}

function checked(values) {
  const made = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS)) if (typeof values?.[name] === typeof DEFAULTS[name]) made[name] = values[name];
  made.fontSize = Math.min(LARGEST, Math.max(SMALLEST, Math.round(made.fontSize) || DEFAULTS.fontSize));
  return made;
}

class Settings extends EventTarget {
  constructor() {
    super();
    this.values = checked(stored());
    addEventListener("storage", (event) => event.key === KEY && this.take(stored()));
  }

  /** Change some and remember them. */
  set(changes) {
    this.take({ ...this.values, ...changes });
    try {
      localStorage.setItem(KEY, JSON.stringify(this.values));
    } catch {
      // they hold for this page only
    }
  }

  take(values) {
    this.values = checked(values);
    this.dispatchEvent(new Event("change"));
  }
}

export const settings = new Settings();

/** Let the dialog's form and the buttons that step the letters' size change the settings. */
export function controlSettings(page, dialog) {
  const form = dialog.querySelector("form");
  const show = () => {
    for (const [name, value] of Object.entries(settings.values)) {
      const field = form.elements[name];
      if (typeof value === "boolean") field.checked = value;
      else field.value = value;
    }
  };
  page.querySelector("[data-settings-open]").addEventListener("click", () => {
    show();
    dialog.showModal();
  });
  form.addEventListener("change", () => {
    const { fontSize, theme, copyOnSelect, screenReader } = form.elements;
    settings.set({
      fontSize: Number(fontSize.value),
      theme: theme.value,
      copyOnSelect: copyOnSelect.checked,
      screenReader: screenReader.checked,
    });
    show();
  });
}
