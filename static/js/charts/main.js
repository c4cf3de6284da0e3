// Starts every <figure data-chart data-src> of the page, and those that htmx brings later.
import { showAlert } from "./alerts.js";
import { Feed } from "./feed.js";
import { ChartFigure } from "./figure.js";

const feeds = new Map();
const shown = new Map();

function feedOf(address, range) {
  if (!feeds.has(address)) {
    const feed = new Feed(address, range);
    feeds.set(address, feed);
  }
  return feeds.get(address);
}

function start() {
  for (const [figure, chart] of shown) {
    if (figure.isConnected) continue;
    chart.destroy();
    chart.feed.listeners.delete(chart.listener);
    shown.delete(figure);
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (shown.has(figure)) continue;
    const feed = feedOf(figure.dataset.src, figure.dataset.range);
    const chart = new ChartFigure(figure, feed);
    chart.listener = () => chart.show();
    feed.listeners.add(chart.listener);
    shown.set(figure, chart);
    chart.show();
  }
  for (const element of document.querySelectorAll("[data-chart-alert]")) {
    const feed = feeds.get(element.dataset.src);
    if (!feed || element.chartFeed === feed) continue;
    element.chartFeed = feed;
    feed.listeners.add(() => showAlert(element, feed));
  }
  for (const feed of feeds.values()) {
    if (feed.started || !feed.listeners.size) continue;
    feed.started = true;
    feed.start();
  }
}

// The buttons of the range are links to the same page; with script the page stays.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-chart-range]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const group = link.closest("[data-chart-ranges]");
  for (const other of group.querySelectorAll("a")) {
    other.classList.toggle("active", other === link);
    if (other === link) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
  history.replaceState(history.state, "", link.href);
  feeds.get(group.dataset.chartRanges)?.choose(link.dataset.chartRange);
});

new MutationObserver(() => {
  for (const chart of shown.values()) chart.plot.repaint();
}).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });

document.addEventListener("htmx:afterSettle", start);
start();
