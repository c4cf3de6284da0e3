// One <figure data-chart>: its drawing, its legend, its sentence, its table, and the arrow keys.
import { drawable } from "./points.js";
import { Plot } from "./plot.js";
import { UNITS, exactTime } from "./units.js";
import { summary } from "./words.js";

const PAGE = 10;
const MAX_ROWS = 500;

export class ChartFigure {
  constructor(figure, feed) {
    this.figure = figure;
    this.feed = feed;
    this.spec = JSON.parse(figure.dataset.chart);
    this.unit = UNITS[this.spec.unit];
    this.place = figure.querySelector("[data-chart-plot]");
    this.note = figure.querySelector("[data-chart-note]");
    this.sentence = figure.querySelector("[data-chart-summary]");
    this.moment = figure.querySelector("[data-chart-moment]");
    this.values = [...figure.querySelectorAll("[data-chart-value]")];
    this.plot = new Plot(this.place, this.spec, this.unit);
    this.plot.onCursor = (index) => this.point(index);
    this.data = [[]];
    this.at = null;
    this.place.addEventListener("keydown", (event) => this.key(event));
    this.place.addEventListener("blur", () => this.move(null));
    this.details = figure.querySelector("details");
    this.details.addEventListener("toggle", () => this.details.open && this.fillTable());
  }

  show() {
    const { feed } = this;
    this.note.textContent = feed.problem || (feed.loaded ? "" : "Loading…");
    this.note.hidden = !this.note.textContent;
    this.note.classList.toggle("chart-note-aside", feed.loaded);
    this.figure.setAttribute("aria-busy", String(!feed.loaded && !feed.problem));
    if (!feed.loaded) return;
    this.data = drawable(feed.columns, this.spec.series.map(({ key }) => key), feed.step);
    this.plot.draw(feed, this.data);
    this.sentence.textContent = summary(feed, this.spec, this.unit);
    this.point(this.at);
  }

  // The values at a place in the data, by the mouse or the arrow keys; null is the newest.
  point(index) {
    const [moments] = this.data;
    this.at = index !== null && index < moments.length ? index : null;
    const place = this.at ?? moments.length - 1;
    this.values.forEach((element, number) => {
      const value = this.data[number + 1]?.[place] ?? null;
      element.textContent = value === null ? "—" : this.unit.write(value);
    });
    const when = this.at === null && !this.feed.ended ? "now" : moments.length ? exactTime(moments[place]) : "";
    this.moment.textContent = when;
    this.place.setAttribute("aria-valuemax", String(Math.max(moments.length - 1, 0)));
    this.place.setAttribute("aria-valuenow", String(Math.max(place, 0)));
    const said = this.spec.series.map(({ label }, number) => `${label} ${this.values[number].textContent}`);
    this.place.setAttribute("aria-valuetext", `${when}: ${said.join(", ")}`);
  }

  key(event) {
    const last = this.data[0].length - 1;
    const here = this.at ?? last;
    const steps = {
      ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1,
      PageDown: here - PAGE, PageUp: here + PAGE, Home: 0, End: last, Escape: null,
    };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey || last < 0) return;
    event.preventDefault();
    const wanted = steps[event.key];
    this.move(wanted === null ? null : Math.min(Math.max(wanted, 0), last));
  }

  move(index) {
    const { chart } = this.plot;
    if (!chart) return;
    const left = index === null ? -10 : chart.valToPos(this.data[0][index], "x");
    chart.setCursor({ left, top: index === null ? -10 : chart.over.clientHeight / 2 });
    this.point(index);
  }

  // As it was when it was opened: rows that move away under a reader's eyes help nobody.
  fillTable() {
    const body = this.details.querySelector("tbody");
    const columns = [...this.spec.series.map(({ key }) => [key, this.unit.write]), ...this.spec.marks.map(({ key }) => [key, String])];
    const rows = this.feed.columns.at.map((at, index) => {
      const row = document.createElement("tr");
      row.append(cell(exactTime(at)));
      for (const [key, write] of columns) {
        const value = this.feed.columns[key]?.[index] ?? null;
        row.append(cell(value === null ? "—" : write(value)));
      }
      return row;
    });
    body.replaceChildren(...rows.reverse().slice(0, MAX_ROWS));
  }

  destroy() {
    this.plot.destroy();
  }
}

function cell(text) {
  const element = document.createElement("td");
  element.textContent = text;
  return element;
}
