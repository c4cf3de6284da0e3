// A program in the shell may ask the terminal things (who are you, where is the cursor, which colours), and the
// terminal types the answer. When old output is shown again the questions in it were answered long ago, and when
// several pages show one shell only one may answer: while muted, the terminal does not see the questions.

const CSI = [
  { final: "c" },
  { prefix: ">", final: "c" },
  { final: "n" },
  { prefix: "?", final: "n" },
  { intermediates: "$", final: "p" },
  { prefix: "?", intermediates: "$", final: "p" },
  { final: "t" },
];
const DCS = [{ intermediates: "$", final: "q" }];
const OSC_COLOURS = [4, 10, 11, 12];
const FOCUS = /^\x1b\[[IO]$/;

export class Answers {
  constructor(terminal) {
    this.replaying = true;
    this.chosen = false; // by the console, among the pages that show this shell
    const muted = () => this.muted;
    for (const id of CSI) terminal.parser.registerCsiHandler(id, muted);
    for (const id of DCS) terminal.parser.registerDcsHandler(id, muted);
    for (const id of OSC_COLOURS) terminal.parser.registerOscHandler(id, (data) => this.muted && data.includes("?"));
  }

  get muted() {
    return this.replaying || !this.chosen;
  }

  /** Whether typed data is no answer that nobody wants: turning focus reports on makes the terminal send one. */
  wanted(data) {
    return !(this.replaying && FOCUS.test(data));
  }
}
