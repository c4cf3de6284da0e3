// What was opened from the palette last, in this browser and by team.
const MOST = 5;
const key = (team) => `palette:${team}`;

export function recent(team) {
  try {
    const found = JSON.parse(localStorage.getItem(key(team)) ?? "[]");
    return found.filter(({ label, href }) => typeof label === "string" && /^\/(?!\/)/.test(href)).slice(0, MOST);
  } catch {
    return []; // storage is forbidden, or holds something else
  }
}

export function remember(team, label, href) {
  try {
    const others = recent(team).filter((each) => each.href !== href);
    localStorage.setItem(key(team), JSON.stringify([{ label, href }, ...others].slice(0, MOST)));
  } catch {
    // storage is forbidden: nothing is remembered
  }
}
