// A chart in words: one sentence for who cannot see it, and for who will not look closely.
import { told, total } from "./points.js";
import { seconds, share, time } from "./units.js";

const SPANS = { "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "24h": "24 hours" };

export function summary(feed, spec, unit) {
  const sentences = [];
  for (const { key, label } of spec.series) {
    const found = told(feed.columns, key);
    if (!found) continue;
    const moment = feed.ended ? "In the end" : "Now";
    const lead = spec.series.length > 1 ? `${label}: ${moment.toLowerCase()}` : moment;
    sentences.push(`${lead} ${unit.write(found.last)}${ofLimit(feed, spec, unit, found.last)}, highest ${unit.write(found.highest)} at ${time(found.highestAt)}, ${unit.write(found.mean)} on average.`);
  }
  if (!sentences.length) {
    return feed.columns.at.length ? "This runtime does not measure it." : `No readings in ${feed.ended ? "its" : "the"} last ${SPANS[feed.range]}.`;
  }
  for (const mark of spec.marks) {
    const count = total(feed.columns, mark.key);
    if (count > 0) sentences.push(`${mark.told} ${mark.shape === "cross" ? times(count) : seconds(count)}.`);
  }
  return sentences.join(" ");
}

function ofLimit(feed, spec, unit, value) {
  const limit = feed.limits[spec.limit] ?? null;
  return limit === null ? "" : ` of ${unit.write(limit)} (${share(value, limit)})`;
}

function times(count) {
  return count === 1 ? "once" : `${count} times`;
}
