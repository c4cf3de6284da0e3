// Search in a command's output: how many matches there are among the lines kept, and on to the next one.

const MOST = 5_000;
const DRAWN = 500; // matches that are marked at once, around the one that is shown

export class Search {
  constructor(form, lines, view) {
    this.form = form;
    this.input = form.querySelector("input");
    this.found = form.querySelector("[data-found]");
    this.lines = lines;
    this.view = view;
    this.matches = []; // {number, start, length}
    this.here = -1;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go(1);
    });
    form.querySelector("[data-previous]").addEventListener("click", () => this.go(-1));
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        this.go(-1);
      } else if (event.key === "Escape" && this.input.value) {
        event.preventDefault();
        this.input.value = "";
        this.look();
      }
    });
    this.input.addEventListener("input", () => this.look());
  }

  /** New lines were drawn. */
  refresh() {
    if (!this.input.value) return;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.collect();
      this.say();
      this.mark();
    }, 300);
  }

  look() {
    this.collect();
    this.here = -1;
    this.mark();
    this.say();
  }

  collect() {
    const current = this.matches[this.here];
    const wanted = this.input.value.toLowerCase();
    this.matches = [];
    for (const line of wanted ? this.lines.kept : []) {
      const text = this.lines.text(line).toLowerCase();
      for (let at = text.indexOf(wanted); at >= 0 && this.matches.length < MOST; at = text.indexOf(wanted, at + wanted.length)) {
        this.matches.push({ number: line.number, start: at, length: wanted.length });
      }
      if (this.matches.length >= MOST) break;
    }
    this.here = current ? this.matches.findIndex(({ number, start }) => number === current.number && start === current.start) : -1;
  }

  go(step) {
    if (!this.input.value) return;
    this.collect();
    const count = this.matches.length;
    if (count) {
      this.here = this.here < 0 ? (step > 0 ? 0 : count - 1) : (this.here + step + count) % count;
      this.view.show(this.matches[this.here].number);
    }
    this.mark();
    this.say();
  }

  say() {
    const count = this.matches.length;
    const many = `${count.toLocaleString()}${count >= MOST ? "+" : ""}`;
    if (!this.input.value) this.found.textContent = "";
    else if (!count) this.found.textContent = "none";
    else this.found.textContent = this.here < 0 ? `${many} found` : `${(this.here + 1).toLocaleString()} of ${many}`;
  }

  mark() {
    for (const row of this.view.box.querySelectorAll(".output-current")) row.classList.remove("output-current");
    const current = this.matches[this.here];
    if (current) this.view.row(current.number)?.classList.add("output-current");
    if (!globalThis.CSS?.highlights) return;
    const begin = Math.max(0, this.here - DRAWN / 2);
    const near = this.matches.slice(begin, begin + DRAWN).filter((match) => match !== current);
    CSS.highlights.set("output-match", new Highlight(...near.map((match) => this.range(match)).filter(Boolean)));
    const here = current && this.range(current);
    CSS.highlights.set("output-here", here ? new Highlight(here) : new Highlight());
  }

  range({ number, start, length }) {
    const text = this.view.row(number)?.querySelector(".output-text");
    if (!text) return null;
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    let passed = 0;
    let begun = false;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const end = passed + node.length;
      if (!begun && start < end) {
        range.setStart(node, start - passed);
        begun = true;
      }
      if (begun && start + length <= end) {
        range.setEnd(node, start + length - passed);
        return range;
      }
      passed = end;
    }
    return null;
  }
}
