// How a person's terminals are arranged: tabs in order, each with one to four panes side by side or one below the other.
// Plain data without elements; the server keeps it as it is here.

export const MOST_PANES = 4;

export class Layout {
  /** `data` is what was kept: {tabs: [{panes: [id], direction}]}; `known` are the ids of shells that there are. */
  constructor(data, known) {
    const seen = new Set();
    const fresh = (id) => known.has(id) && !seen.has(id) && seen.add(id);
    this.tabs = (data?.tabs ?? [])
      .map(({ panes = [], direction }) => ({ panes: panes.filter(fresh), direction: direction === "column" ? "column" : "row" }))
      .filter(({ panes }) => panes.length);
  }

  tabOf(id) {
    return this.tabs.findIndex(({ panes }) => panes.includes(id));
  }

  get ids() {
    return this.tabs.flatMap(({ panes }) => panes);
  }

  add(id) {
    if (this.tabOf(id) < 0) this.tabs.push({ panes: [id], direction: "row" });
  }

  /** Put a shell into the tab of another, behind it. Whether there was room. */
  split(beside, id, direction) {
    const tab = this.tabs[this.tabOf(beside)];
    if (!tab || tab.panes.length >= MOST_PANES) return false;
    if (tab.panes.length === 1) tab.direction = direction;
    tab.panes.splice(tab.panes.indexOf(beside) + 1, 0, id);
    return true;
  }

  /** Take a shell out. The one to look at next, or null. */
  remove(id) {
    const index = this.tabOf(id);
    if (index < 0) return null;
    const { panes } = this.tabs[index];
    const place = panes.indexOf(id);
    panes.splice(place, 1);
    if (panes.length) return panes[Math.min(place, panes.length - 1)];
    this.tabs.splice(index, 1);
    return this.tabs[Math.min(index, this.tabs.length - 1)]?.panes[0] ?? null;
  }

  /** Move the tab at `from` to where the tab at `to` is. */
  move(from, to) {
    if (to < 0 || to >= this.tabs.length || from === to) return false;
    this.tabs.splice(to, 0, ...this.tabs.splice(from, 1));
    return true;
  }

  get data() {
    return { tabs: this.tabs.map(({ panes, direction }) => ({ panes: [...panes], direction })) };
  }
}
