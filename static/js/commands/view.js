// The lines on the page: drawn in blocks, a few times a second at most, at the end while it is followed.
import { dress } from "./ansi.js";

const BLOCK = 200; // lines
const PAUSE = 60; // milliseconds between two drawings: a flood leaves the page time for everything else
const NEAR = 24; // pixels from the end that count as the end
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

const escape = (character) => `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

function picture(character) {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\u25c7";
}

/** Put text into an element; each character that cannot be seen stands as one that can, so that places stay. */
function fill(element, text) {
  let rest = text;
  for (let at = rest.search(CONTROL); at >= 0; at = rest.search(CONTROL)) {
    if (at) element.append(rest.slice(0, at));
    const mark = document.createElement("span");
    mark.className = "output-control";
    mark.title = escape(rest[at]);
    mark.textContent = picture(rest[at]);
    element.append(mark);
    rest = rest.slice(at + 1);
  }
  if (rest) element.append(rest);
}

function drawn(line) {
  const row = document.createElement("div");
  row.className = "output-line";
  if (line.gap !== null) {
    row.classList.add("output-gap");
    row.textContent = `── ${line.gap} ──`;
    return row;
  }
  const mark = document.createElement("span");
  mark.className = "output-mark";
  const text = document.createElement("span");
  text.className = "output-text";
  if (line.stream === "stderr") {
    row.classList.add("output-err");
    mark.textContent = "err";
    mark.title = "standard error";
  }
  for (const { text: words, style } of line.pieces) {
    const piece = style ? document.createElement("span") : text;
    if (style) dress(piece, style);
    fill(piece, words);
    if (style) text.append(piece);
  }
  row.append(mark, text);
  return row;
}

export class View {
  /** `after()` is called when all that the lines had has been drawn. */
  constructor(box, lines, after) {
    this.box = box;
    this.lines = lines;
    this.after = after;
    this.blocks = []; // {element, first, count}
    this.end = 0; // number of the first line that is not on the page
    this.following = true;
    this.timer = null;
    this.spent = 0; // milliseconds that the last drawing took: twice as long is left to the page
    box.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  soon() {
    // Not by animation frames: a page that is not visible has none, and would hold up the command.
    this.timer ??= setTimeout(() => {
      this.timer = null;
      const begun = performance.now();
      this.draw();
      this.spent = performance.now() - begun;
    }, Math.max(PAUSE, 2 * this.spent));
  }

  draw() {
    this.drop();
    for (const number of this.lines.changed) if (number < this.end) this.row(number)?.replaceWith(drawn(this.lines.at(number)));
    this.lines.changed.clear();
    while (this.end < this.lines.next) this.push();
    if (this.following) this.toEnd();
    this.after();
  }

  /** The element of a line, null where it is not on the page. */
  row(number) {
    const block = this.blocks.find(({ first, count }) => number >= first && number < first + count);
    return block ? block.element.children[number - block.first] : null;
  }

  follow(on) {
    this.following = on;
    if (on) this.toEnd();
    this.onfollow?.(on);
  }

  show(number) {
    this.follow(false);
    this.row(number)?.scrollIntoView({ block: "center", inline: "nearest" });
  }

  drop() {
    if (this.end < this.lines.first) {
      this.blocks = [];
      this.box.replaceChildren();
      this.end = this.lines.first;
    }
    while (this.blocks.length && this.blocks[0].first + this.blocks[0].count <= this.lines.first) {
      this.blocks.shift().element.remove();
    }
    const [block] = this.blocks;
    if (!block || block.first >= this.lines.first) return;
    for (; block.first < this.lines.first; block.first += 1, block.count -= 1) block.element.firstElementChild.remove();
  }

  push() {
    let block = this.blocks.at(-1);
    if (!block || block.count >= BLOCK) {
      block = { element: document.createElement("div"), first: this.end, count: 0 };
      block.element.className = "output-block";
      this.blocks.push(block);
      this.box.append(block.element);
    }
    const room = Math.min(BLOCK - block.count, this.lines.next - this.end);
    const rows = document.createDocumentFragment();
    for (let index = 0; index < room; index += 1) rows.append(drawn(this.lines.at(this.end + index)));
    block.element.append(rows);
    block.count += room;
    this.end += room;
  }

  toEnd() {
    this.ours = true; // the scroll event that follows is not the person's
    this.box.scrollTop = this.box.scrollHeight;
  }

  scrolled() {
    const atEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight <= NEAR;
    if (this.ours) {
      this.ours = false;
      if (!atEnd && this.following) this.toEnd(); // blocks far away got their true height
      return;
    }
    if (atEnd !== this.following) this.follow(atEnd);
  }
}
