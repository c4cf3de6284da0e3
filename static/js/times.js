// Shows <time data-relative> relative to now, and exact in the viewer's own zone on hover; <time data-exact> exact.
const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function tell(moment, now) {
  const seconds = Math.round((moment - now) / 1000);
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

function show(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = tell(moment, now);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(moment);
  }
  for (const element of root.querySelectorAll("time[data-exact]")) {
    const moment = new Date(element.dateTime);
    if (!Number.isNaN(moment.getTime())) element.textContent = whole.format(moment);
  }
}

export function startTimes() {
  show(document);
  document.addEventListener("htmx:afterSettle", () => show(document));
  document.addEventListener("console:morphed", ({ target }) => show(target));
  setInterval(() => show(document), 20000);
}
