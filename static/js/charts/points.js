// Points as columns: {at: [seconds], cpu_millis: [number|null], …}. Nothing here knows of pages or of the network.

export function empty() {
  return { at: [] };
}

// `held` until `after`, then `more`; nothing that is older than `from`.
export function joined(held, more, from, after) {
  const kept = places(held, (at) => at >= from && at <= after);
  const added = places(more, (at) => at >= from && at > after);
  const columns = {};
  for (const name of new Set([...Object.keys(held), ...Object.keys(more)])) {
    columns[name] = [
      ...kept.map((index) => held[name]?.[index] ?? null),
      ...added.map((index) => more[name]?.[index] ?? null),
    ];
  }
  return columns;
}

function places(columns, fits) {
  return [...columns.at.keys()].filter((index) => fits(columns.at[index]));
}

// The newest point that will not change any more: the last one may be of a step that is not over. None: -Infinity.
export function settled(columns) {
  return columns.at.at(-2) ?? -Infinity;
}

// What uPlot draws: a hole in time becomes a point without a value, so that no line bridges what was not measured.
export function drawable(columns, names, step) {
  const data = [[], ...names.map(() => [])];
  columns.at.forEach((at, index) => {
    const before = columns.at[index - 1];
    if (index > 0 && at - before > 2.5 * step) {
      data[0].push(before + step);
      names.forEach((_, place) => data[place + 1].push(null));
    }
    data[0].push(at);
    names.forEach((name, place) => data[place + 1].push(columns[name]?.[index] ?? null));
  });
  return data;
}

// The newest, the highest with its moment and the mean of a column; null where nothing was measured.
export function told(columns, name) {
  let last = null;
  let highest = null;
  let highestAt = null;
  let sum = 0;
  let count = 0;
  columns.at.forEach((at, index) => {
    const value = columns[name]?.[index] ?? null;
    if (value === null) return;
    last = value;
    sum += value;
    count += 1;
    if (highest === null || value > highest) {
      highest = value;
      highestAt = at;
    }
  });
  return count ? { last, highest, highestAt, mean: sum / count } : null;
}

export function total(columns, name) {
  return (columns[name] ?? []).reduce((sum, value) => sum + (value ?? 0), 0);
}
