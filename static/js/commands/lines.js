// A command's output as lines: the last ones, bounded in number and in size, whatever comes.
import { AnsiReader } from "./ansi.js";

export const MAX_LINES = 10_000;
export const MAX_CHARACTERS = 4 * 1024 * 1024;
const LONGEST_LINE = 16 * 1024;
const MOST_PIECES = 512; // of one line: what is coloured letter by letter beyond that is plain
const PIECE = 64; // characters' worth of memory that a piece takes beside its text

export class Lines {
  constructor() {
    this.kept = []; // {number, stream, pieces, length, weight, gap}
    this.first = 0; // number of the first line kept
    this.next = 0; // number of the next line
    this.characters = 0;
    this.changed = new Set(); // numbers of kept lines that were added to since this was cleared
    this.open = { stdout: null, stderr: null }; // each stream's last line while it goes on
    this.readers = { stdout: new AnsiReader(), stderr: new AnsiReader() };
  }

  add(stream, text) {
    for (const piece of this.readers[stream].read(text)) this.addPiece(stream, piece.text, piece.style);
    this.trim();
  }

  /** All has come: show what was kept back as the beginning of an escape sequence. */
  end() {
    for (const stream of ["stdout", "stderr"]) {
      for (const piece of this.readers[stream].rest()) this.addPiece(stream, piece.text, piece.style);
    }
    this.trim();
  }

  gap(stream, from, to) {
    this.open[stream] = null;
    const which = stream === "stderr" ? "standard error" : "standard output";
    const line = this.begin(stream);
    line.gap = `${(to - from).toLocaleString()} bytes of ${which} are no longer kept`;
    this.open[stream] = null;
    this.trim();
  }

  text(line) {
    return line.gap ?? line.pieces.map((piece) => piece.text).join("");
  }

  at(number) {
    return this.kept[number - this.first];
  }

  addPiece(stream, text, style) {
    let start = this.skipped(stream, text);
    while (start < text.length) {
      const end = text.indexOf("\n", start);
      this.append(stream, text.slice(start, end < 0 ? text.length : end), style);
      if (end < 0) return;
      this.open[stream] = null;
      start = end + 1;
    }
  }

  /** Where to begin in a text of more lines than are kept: the ones before would go at once. */
  skipped(stream, text) {
    if (text.length < MAX_LINES) return 0;
    let start = text.length;
    for (let count = 0; count <= MAX_LINES; count += 1) {
      start = text.lastIndexOf("\n", start - 1);
      if (start <= 0) return 0;
    }
    let passed = 0;
    for (let at = text.indexOf("\n"); at >= 0 && at <= start; at = text.indexOf("\n", at + 1)) passed += 1;
    this.open.stdout = this.open.stderr = null;
    this.next += passed;
    this.clear();
    return start + 1;
  }

  append(stream, text, style) {
    let line = this.open[stream] ?? this.begin(stream);
    const parts = text.split("\r");
    parts.forEach((part, index) => {
      if (index) line.returned = true;
      if (!part) return; // nothing after a return: the line's end follows, or what comes writes over it
      if (line.returned) this.empty(line);
      for (let start = 0; start < part.length; start += LONGEST_LINE) {
        if (line.length >= LONGEST_LINE) line = this.begin(stream);
        this.put(line, part.slice(start, start + LONGEST_LINE), style);
      }
    });
  }

  put(line, text, style) {
    const last = line.pieces.at(-1);
    const shown = line.pieces.length < MOST_PIECES ? style : null;
    const begins = !(last && last.style === null && shown === null);
    if (begins) line.pieces.push({ text, style: shown });
    else last.text += text;
    line.length += text.length;
    const weight = text.length + (begins && shown ? PIECE : 0);
    line.weight += weight;
    this.characters += weight;
    this.changed.add(line.number);
  }

  empty(line) {
    this.characters -= line.weight;
    line.pieces = [];
    line.length = line.weight = 0;
    line.returned = false;
    this.changed.add(line.number);
  }

  begin(stream) {
    const line = { number: this.next, stream, pieces: [], length: 0, weight: 0, gap: null, returned: false };
    this.next += 1;
    this.kept.push(line);
    this.changed.add(line.number);
    this.open[stream] = line;
    return line;
  }

  clear() {
    this.kept = [];
    this.characters = 0;
    this.changed.clear();
    this.first = this.next;
  }

  trim() {
    let drop = Math.max(0, this.kept.length - MAX_LINES);
    let characters = this.characters;
    for (let index = 0; index < drop; index += 1) characters -= this.kept[index].weight;
    while (characters > MAX_CHARACTERS && drop < this.kept.length - 1) {
      characters -= this.kept[drop].weight;
      drop += 1;
    }
    if (!drop) return;
    for (const line of this.kept.splice(0, drop)) {
      this.changed.delete(line.number);
      if (this.open[line.stream] === line) this.open[line.stream] = null;
    }
    this.characters = characters;
    this.first += drop;
  }
}
