// Output with escape sequences → pieces of text with a style. ansi_up reads the sequences; nothing here makes HTML.
import { AnsiUp } from "../../vendor/ansi-up-6.0.6/ansi_up.js";

const ESC = 3; // ansi_up's kind of packet for an escape that begins no sequence it knows
const TEXT = 1;
const STEP = 1024;
const LONGEST = 512; // a sequence that is not complete after so many characters is none

export class AnsiReader extends AnsiUp {
  constructor() {
    super();
    this.pieces = [];
  }

  /** The pieces in this text, {text, style}; style is null for plain text. The end of a cut sequence is waited for. */
  read(text) {
    this.pieces = [];
    let start = 0;
    while (start < text.length) {
      const escape = this._buffer ? start : text.indexOf("\x1b", start);
      const end = escape < 0 ? text.length : escape;
      if (end > start) {
        this.transform_to_html(this.with_state({ text: text.slice(start, end) }));
        start = end;
      } else {
        this.sequences(text.slice(start, start + STEP));
        start += STEP;
      }
    }
    return this.pieces;
  }

  /** Read a short piece with sequences: ansi_up looks at all that it holds for each of them. */
  sequences(piece) {
    this.ansi_to_html(piece);
    while (this._buffer.length > LONGEST) {
      this.pieces.push({ text: "\x1b", style: null });
      this._buffer = this._buffer.slice(1);
      this.ansi_to_html("");
    }
  }

  /** What is left at the end of all output. */
  rest() {
    const text = this._buffer;
    this._buffer = "";
    return text ? [{ text, style: null }] : [];
  }

  get_next_packet() {
    const packet = super.get_next_packet();
    if (packet.kind === ESC) packet.kind = TEXT; // shown, not swallowed
    return packet;
  }

  transform_to_html({ text, bold, faint, italic, underline, fg, bg }) {
    const plain = !bold && !faint && !italic && !underline && !fg && !bg;
    if (text) this.pieces.push({ text, style: plain ? null : { bold, faint, italic, underline, fg, bg } });
    return "";
  }

  process_hyperlink({ text }) {
    return this.transform_to_html(this.with_state({ text })); // a sandbox's link leads nowhere
  }
}

const luminance = (rgb) => {
  const [r, g, b] = rgb.map((part) => ((part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const mix = (rgb, towards, share) => rgb.map((part) => Math.round(part + (towards - part) * share));

/** A colour of the program's own, light enough for text or dark enough to stand behind it. */
function readable(rgb, behind) {
  const enough = (colour) => (behind ? luminance(colour) <= 0.035 : luminance(colour) >= 0.35);
  let colour = rgb;
  for (let share = 0.1; share <= 1 && !enough(colour); share += 0.1) colour = mix(rgb, behind ? 0 : 255, share);
  return `rgb(${colour.join(",")})`;
}

function paint(element, colour, behind) {
  if (!colour) return;
  if (colour.class_name !== "truecolor") element.classList.add(`${colour.class_name}-${behind ? "bg" : "fg"}`);
  else element.style.setProperty(behind ? "background-color" : "color", readable(colour.rgb, behind));
}

/** Dress an element in a style. */
export function dress(element, style) {
  for (const name of ["bold", "faint", "italic", "underline"]) if (style[name]) element.classList.add(`output-${name}`);
  paint(element, style.fg, false);
  paint(element, style.bg, true);
}
