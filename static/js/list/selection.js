// Which rows are chosen. The choice outlives paging, sorting, live changes and a reload; leaving the list ends it.

const LIMIT = 10_000; // the console takes no more

export class Selection extends EventTarget {
  constructor(name) {
    super();
    this.name = `selection ${name}`;
    this.rows = new Map(); // key -> label
    this.all = null; // {query, total}: everything that matches, whatever page it is on
    this.restore();
  }

  get size() {
    return this.all ? this.all.total : this.rows.size;
  }

  has(key, query) {
    return this.all ? this.all.query === query : this.rows.has(key);
  }

  set(pairs, chosen) {
    this.all = null;
    for (const [key, label] of pairs) {
      if (!chosen) this.rows.delete(key);
      else if (this.rows.size < LIMIT) this.rows.set(key, label);
    }
    this.changed();
  }

  setAll(query, total) {
    this.rows.clear();
    this.all = { query, total };
    this.changed();
  }

  clear() {
    this.rows.clear();
    this.all = null;
    this.changed();
  }

  /** What is sent to the console. */
  get values() {
    if (this.all) return { all: "true", query: this.all.query };
    return { keys: JSON.stringify([...this.rows]) };
  }

  changed() {
    this.store();
    this.dispatchEvent(new Event("change"));
  }

  store() {
    try {
      if (!this.size) sessionStorage.removeItem(this.name);
      else sessionStorage.setItem(this.name, JSON.stringify({ rows: [...this.rows], all: this.all }));
    } catch {
      // Storage is forbidden or full: the choice lives as long as the page.
    }
  }

  restore() {
    const came = performance.getEntriesByType("navigation")[0]?.type;
    try {
      const stored = JSON.parse(sessionStorage.getItem(this.name));
      sessionStorage.removeItem(this.name);
      if (!stored || came === "navigate") return;
      this.rows = new Map(stored.rows);
      this.all = stored.all;
      this.store();
    } catch {
      // What is stored makes no sense, or storage is forbidden.
    }
  }
}
