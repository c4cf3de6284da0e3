// What every form does: the first error has the focus, quantities are echoed, nothing is sent twice or lost unsaved.

const FORM = /^(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;
const DECIMAL = { n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const number = (places) => new Intl.NumberFormat("en", { maximumFractionDigits: places });

/** A Kubernetes quantity as a number, NaN for what is none. */
export function parseQuantity(text) {
  const found = FORM.exec(text.trim());
  if (!found || text.length > 32) return NaN;
  const [, digits, suffix = "", exponent] = found;
  const binary = suffix.endsWith("i") ? 1024 ** (1 + "KMGTPE".indexOf(suffix[0])) : 0;
  return Number(digits) * (exponent ? 10 ** Number(exponent) : binary || DECIMAL[suffix] || 1);
}

/** `= 0.5 cores`, `= 1.5 GiB`; empty for what is no quantity. */
export function tellQuantity(kind, text) {
  const value = parseQuantity(text);
  if (!(value > 0)) return "";
  if (kind === "cpu") {
    const millis = Math.ceil(value * 1000 - 1e-6);
    return `= ${number(3).format(millis / 1000)} ${millis === 1000 ? "core" : "cores"}`;
  }
  const size = Math.ceil(value - 1e-6);
  let power = 0;
  while (power < UNITS.length - 1 && size >= 1024 ** (power + 1)) power += 1;
  return `= ${number(power ? 2 : 0).format(size / 1024 ** power)} ${UNITS[power]}`;
}

function startQuantities() {
  document.addEventListener("input", (event) => {
    const field = event.target.closest?.("[data-quantity]");
    const echo = field && document.querySelector(`[data-quantity-echo="${CSS.escape(field.id)}"]`);
    if (echo) echo.textContent = tellQuantity(field.dataset.quantity, field.value);
  });
}

function focusFirstError(root) {
  const wrong = root.querySelector("form [aria-invalid=true]:not([type=hidden])") ?? root.querySelector("form .alert-danger");
  if (!wrong) return;
  if (!wrong.matches("input, select, textarea")) wrong.tabIndex = -1;
  wrong.focus();
}

// A form that is on its way is not sent again; after `back` it may be.
function startSendingOnce() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    form.setAttribute("aria-busy", "true");
    event.submitter?.classList.add("btn-loading");
  });
  const free = (form) => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    form.querySelector(".btn-loading")?.classList.remove("btn-loading");
  };
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(free));
  // What htmx sends stays on the page.
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt?.closest?.("form[data-sent]");
    if (form) free(form);
  });
}

const values = (form) => new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string")).toString();

// <form data-guard>: leaving the page with something typed and not sent asks first.
function startGuard() {
  const before = new Map();
  for (const form of document.querySelectorAll("form[data-guard]")) before.set(form, form.matches(":has([aria-invalid=true], .alert-danger)") ? null : values(form));
  if (!before.size) return;
  addEventListener("beforeunload", (event) => {
    for (const [form, start] of before) {
      if (form.isConnected && !form.dataset.sent && start !== values(form)) event.preventDefault();
    }
  });
}

// <div data-rows> has a <template> of one more row, a button [data-row-add], and [data-row-remove] in each row.
function startRows() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-row-add], [data-row-remove]");
    const rows = button?.closest("[data-rows]");
    if (!rows) return;
    event.preventDefault();
    const list = rows.querySelector("[data-row-list]");
    if (button.matches("[data-row-remove]")) {
      button.closest("[data-row]").remove();
      rows.querySelector("[data-row-add]").focus();
    } else if (list.children.length < Number(rows.dataset.rows)) {
      list.append(rows.querySelector("template").content.cloneNode(true));
      list.lastElementChild.querySelector("select, input").focus();
    }
    rows.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

export function startForms() {
  startQuantities();
  startSendingOnce();
  startGuard();
  startRows();
  focusFirstError(document);
}
