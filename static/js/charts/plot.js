// The drawing of one chart: axes, lines, the limit and the marks. Colours are the page's, and lines differ by dashes too.
import { time, exactTime } from "./units.js";

const DASHES = [[], [7, 4], [2, 3]];
// Below this part of its limit a line would be flat on the bottom: then the axis is the line's own.
const TOO_SMALL = 0.1;

export class Plot {
  constructor(place, spec, unit) {
    this.place = place;
    this.spec = spec;
    this.unit = unit;
    this.feed = null;
    this.chart = null;
    this.onCursor = () => {};
  }

  colour(name) {
    return getComputedStyle(this.place).getPropertyValue(name).trim();
  }

  // The limit to draw in, or null where it is too far above what is in use.
  limit() {
    const limit = this.feed.limits[this.spec.limit] ?? null;
    const highest = this.highest();
    return limit !== null && highest >= limit * TOO_SMALL ? limit : null;
  }

  highest() {
    const values = this.spec.series.flatMap(({ key }) => this.feed.columns[key] ?? []);
    return values.reduce((most, value) => Math.max(most, value ?? 0), 0);
  }

  draw(feed, data) {
    this.feed = feed;
    this.data = data;
    const { clientWidth: width, clientHeight: height } = this.place;
    if (!width) return;
    if (!this.chart) {
      this.chart = new globalThis.uPlot(this.options(width, height), data, this.place);
      this.observer = new ResizeObserver(() => this.fit());
      this.observer.observe(this.place);
    } else {
      this.chart.setData(data);
    }
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (width && (width !== this.chart.width || height !== this.chart.height)) this.chart.setSize({ width, height });
  }

  // Colours are asked for at each drawing; a new theme needs no more.
  repaint() {
    this.chart?.redraw(false, true);
  }

  destroy() {
    this.observer?.disconnect();
    this.chart?.destroy();
    this.chart = null;
  }

  options(width, height) {
    const font = `12px ${getComputedStyle(this.place).fontFamily}`;
    const axis = {
      font,
      stroke: () => this.colour("--chart-text"),
      grid: { stroke: () => this.colour("--chart-grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height,
      padding: [14, 22, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: { size: 9, width: 2 },
        sync: { key: this.feed.address },
      },
      scales: {
        x: { range: () => [this.feed.to - this.feed.span, this.feed.to] },
        y: { range: (_chart, _low, high) => [0, this.top(high ?? 0)] },
      },
      axes: [
        { ...axis, size: 30, gap: 6, space: 70, values: (_chart, moments, _axis, _space, step) => moments.map(step < 60 ? exactTime : time) },
        { ...axis, size: 76, gap: 8, incrs: this.unit.steps, values: (_chart, values) => values.map((value) => this.unit.write(value)) },
      ],
      series: [{}, ...this.spec.series.map((series, index) => this.line(series, index))],
      hooks: {
        draw: [() => this.paintMarks(), () => this.paintLimit()],
        setCursor: [(chart) => this.onCursor(chart.cursor.idx ?? null)],
      },
    };
  }

  top(high) {
    return Math.max(this.unit.least, high * 1.15, (this.limit() ?? 0) * 1.15);
  }

  line(series, index) {
    const name = `--chart-${index + 1}`;
    return {
      label: series.label,
      width: 2,
      dash: DASHES[index],
      stroke: () => this.colour(name),
      fill: this.spec.series.length === 1 ? () => this.colour(`${name}-fill`) : undefined,
      points: { size: 5, width: 1, fill: () => this.colour(name) },
    };
  }

  paintLimit() {
    const limit = this.limit();
    if (limit === null) return;
    const { ctx: pen, bbox } = this.chart;
    const ratio = globalThis.uPlot.pxRatio;
    const height = Math.round(this.chart.valToPos(limit, "y", true));
    pen.save();
    pen.strokeStyle = pen.fillStyle = this.colour("--chart-limit");
    pen.lineWidth = 1.5 * ratio;
    pen.setLineDash([10 * ratio, 4 * ratio, 2 * ratio, 4 * ratio]);
    pen.beginPath();
    pen.moveTo(bbox.left, height);
    pen.lineTo(bbox.left + bbox.width, height);
    pen.stroke();
    pen.font = `${12 * ratio}px ${getComputedStyle(this.place).fontFamily}`;
    pen.textBaseline = "bottom";
    pen.setLineDash([]);
    pen.lineWidth = 4 * ratio;
    pen.lineJoin = "round";
    pen.strokeStyle = this.colour("--chart-surface");
    const words = `limit ${this.unit.write(limit)}`;
    const inset = 6 * ratio;
    const crowded = this.crosses().some((x) => x < bbox.left + 2 * inset + pen.measureText(words).width);
    pen.textAlign = crowded ? "right" : "left";
    const x = crowded ? bbox.left + bbox.width - inset : bbox.left + inset;
    pen.strokeText(words, x, height - inset / 2);
    pen.fillText(words, x, height - inset / 2);
    pen.restore();
  }

  // Where crosses stand, in pixels of the canvas.
  crosses() {
    const { columns } = this.feed;
    const keys = this.spec.marks.filter(({ shape }) => shape === "cross").map(({ key }) => key);
    const moments = columns.at.filter((_at, index) => keys.some((key) => columns[key]?.[index] > 0));
    return moments.map((at) => this.chart.valToPos(at, "x", true));
  }

  // A kill is a cross at the top above a line down; being held back is a bar along the bottom as long as its step.
  paintMarks() {
    const { ctx: pen, bbox } = this.chart;
    const ratio = globalThis.uPlot.pxRatio;
    pen.save();
    pen.beginPath();
    pen.rect(bbox.left, bbox.top - 6 * ratio, bbox.width, bbox.height + 6 * ratio);
    pen.clip();
    for (const mark of this.spec.marks) {
      pen.strokeStyle = pen.fillStyle = this.colour(mark.shape === "cross" ? "--chart-kill" : "--chart-held-back");
      this.feed.columns.at.forEach((at, index) => {
        if (!(this.feed.columns[mark.key]?.[index] > 0)) return;
        const x = this.chart.valToPos(at, "x", true);
        if (mark.shape === "cross") cross(pen, x, bbox, ratio);
        else {
          const start = this.chart.valToPos(at - this.feed.step, "x", true);
          pen.fillRect(start, bbox.top + bbox.height - 6 * ratio, Math.max(x - start, 2 * ratio), 6 * ratio);
        }
      });
    }
    pen.restore();
  }
}

function cross(pen, x, { top, height }, ratio) {
  const half = 4.5 * ratio;
  const y = top + half;
  pen.lineWidth = 2 * ratio;
  pen.setLineDash([]);
  pen.beginPath();
  pen.moveTo(x - half, y - half);
  pen.lineTo(x + half, y + half);
  pen.moveTo(x + half, y - half);
  pen.lineTo(x - half, y + half);
  pen.stroke();
  pen.lineWidth = ratio;
  pen.setLineDash([3 * ratio, 3 * ratio]);
  pen.beginPath();
  pen.moveTo(x, y + half + 2 * ratio);
  pen.lineTo(x, top + height);
  pen.stroke();
}
