// How a chart's numbers are written. Every value is a number of the unit's smallest part: thousandths of a CPU, bytes.
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];

// About three digits that mean something: 0.075, 7.25, 72.5, 725.
function short(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

function bytes(value) {
  let size = Math.max(0, value);
  let step = 0;
  while (size >= 1024 && step < BINARY.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${step === 0 ? Math.round(size) : short(size)} ${BINARY[step]}`;
}

function cpu(millis) {
  return short(millis / 1000);
}

const powers = (base, count) => Array.from({ length: count }, (_, power) => base ** power);
const decimal = powers(10, 10).flatMap((power) => [power, 2 * power, 5 * power]);

// `least` is the lowest top of the vertical axis: nothing in use is a flat line at the bottom, not noise.
export const UNITS = {
  cpu: { write: cpu, least: 20, steps: decimal },
  bytes: { write: bytes, least: 1024 * 1024, steps: powers(2, 44) },
  rate: { write: (value) => `${bytes(value)}/s`, least: 1024, steps: powers(2, 44) },
  count: { write: (value) => String(Math.round(value)), least: 5, steps: decimal },
};

export function seconds(value) {
  return value < 60 ? `${short(value)} s` : `${Math.round(value / 60)} min`;
}

export function share(value, whole) {
  return `${Math.round((100 * value) / whole)} %`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

// Moments are seconds since 1970.
export const time = (at) => clock.format(new Date(at * 1000));
export const exactTime = (at) => exact.format(new Date(at * 1000));
