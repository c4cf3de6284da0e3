// <div data-chart-alert="key" data-chart-least="1" hidden> shows when the sum of a column reaches that.
import { total } from "./points.js";

export function showAlert(element, feed) {
  const sum = total(feed.columns, element.dataset.chartAlert);
  element.hidden = sum < Number(element.dataset.chartLeast ?? 1);
  const written = String(Math.round(sum));
  const count = element.querySelector("[data-chart-count]");
  if (count.textContent !== written) count.textContent = written;
}
