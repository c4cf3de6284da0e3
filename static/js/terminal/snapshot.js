// The whole state of a terminal as plain data, and back: every cell with its colours and attributes, both screens,
// cursor, modes, margins, tab stops, character sets, saved cursor, the pen. xterm.js has no such thing (its serialize
// addon writes escape text, which loses margins, saved cursor, character sets, the pen, wide graphemes at line ends and
// more), so this reads and writes its internals. They are those of the one vendored version; `VERSION` goes with each
// snapshot, and one of another version is not put back. A browser test compares the two sides cell by cell.

export const VERSION = "xterm-6.0.0/1";
const MOST_CELLS = 1_500_000; // 6 MB; older lines are left out
const GROUND = 0;
const BLANK = 0x400000; // a cell of width 1 without content
const COMBINED = 0x200000;
const EXTENDED = 0x10000000; // flag of the background word: there are extended attributes

const parts = ({ _core: core }) => ({
  buffers: core._bufferService.buffers,
  bufferService: core._bufferService,
  input: core._inputHandler,
  parser: core._inputHandler._parser,
  charsets: core._charsetService,
  links: core._oscLinkService,
  modes: core.coreService,
  mouse: core.coreMouseService,
});

/** Whether nothing is half read: no escape sequence, no character. Only then can a snapshot be taken. */
export function atRest(terminal) {
  const { parser, input } = parts(terminal);
  return parser.currentState === GROUND && !input._parseStack.paused && !input._utf8Decoder.interim[0];
}

/** Draw at once what was given to the terminal and waits. */
export function flush({ _core: core }) {
  core._writeBuffer.writeSync("");
}

/** The state as an object that can be stored, or null while something is half read. */
export function capture(terminal) {
  if (!atRest(terminal)) return null;
  const { buffers, bufferService, input, parser, charsets, links, modes, mouse } = parts(terminal);
  const used = new Set();
  return {
    version: VERSION,
    rows: terminal.rows,
    cols: terminal.cols,
    alternate: buffers.active === buffers.alt,
    normal: captureBuffer(buffers.normal, used),
    alt: captureBuffer(buffers.alt, used),
    userScrolling: bufferService.isUserScrolling,
    pen: captureAttributes(input._curAttrData, used),
    join: parser.precedingJoinState,
    title: input._windowTitle,
    link: input._currentLinkId,
    charsets: { glevel: charsets.glevel, sets: [...charsets._charsets], active: charsets.charset },
    insert: modes.modes.insertMode,
    modes: { ...modes.decPrivateModes },
    cursorHidden: modes.isCursorHidden,
    mouse: { protocol: mouse.activeProtocol, encoding: mouse.activeEncoding },
    links: [...used].map((id) => [id, links.getLinkData(id)]).filter(([, data]) => data),
  };
}

/** Put a snapshot of the same version into a terminal that has drawn nothing yet. */
export function restore(terminal, state) {
  terminal.resize(state.cols, state.rows);
  const { buffers, bufferService, input, parser, charsets, links, modes, mouse } = parts(terminal);
  const linkIds = restoreLinks(links, state.links);
  if (state.alternate) buffers.activateAltBuffer();
  restoreBuffer(buffers.normal, state.normal, linkIds);
  restoreBuffer(buffers.alt, state.alt, linkIds);
  bufferService.isUserScrolling = state.userScrolling;
  restoreAttributes(input._curAttrData, state.pen, linkIds);
  parser.precedingJoinState = state.join;
  input.setTitle(state.title);
  input._currentLinkId = linkIds.get(state.link);
  charsets._charsets = [...state.charsets.sets];
  charsets.glevel = state.charsets.glevel;
  charsets.charset = state.charsets.active;
  modes.modes.insertMode = state.insert;
  Object.assign(modes.decPrivateModes, state.modes);
  modes.isCursorHidden = state.cursorHidden;
  modes.isCursorInitialized = true;
  mouse.activeProtocol = state.mouse.protocol;
  mouse.activeEncoding = state.mouse.encoding;
  bufferService._onScroll.fire(buffers.active.ydisp);
  terminal.refresh(0, terminal.rows - 1);
}

function captureBuffer(buffer, links) {
  const total = buffer.lines.length;
  let first = total;
  for (let cells = 0; first > 0; first -= 1) {
    cells += usedLength(buffer.lines.get(first - 1));
    if (cells > MOST_CELLS && first <= buffer.ybase) break;
  }
  const lines = { lengths: [], wrapped: [], contents: [], attributes: [], combined: [], extended: [] };
  for (let row = first; row < total; row += 1) captureLine(buffer.lines.get(row), row - first, lines, links);
  return {
    lengths: Uint32Array.from(lines.lengths),
    wrapped: Uint8Array.from(lines.wrapped),
    contents: Uint32Array.from(lines.contents),
    attributes: Uint32Array.from(lines.attributes),
    combined: lines.combined,
    extended: lines.extended,
    ybase: Math.max(0, buffer.ybase - first),
    ydisp: Math.max(0, buffer.ydisp - first),
    x: buffer.x,
    y: buffer.y,
    top: buffer.scrollTop,
    bottom: buffer.scrollBottom,
    tabs: { ...buffer.tabs },
    saved: {
      x: buffer.savedX,
      y: Math.max(0, buffer.savedY - first),
      pen: captureAttributes(buffer.savedCurAttrData, links),
      charset: buffer.savedCharset,
    },
  };
}

function usedLength({ _data: data, length }) {
  let used = length;
  while (used > 0 && data[used * 3 - 3] === BLANK && !data[used * 3 - 2] && !data[used * 3 - 1]) used -= 1;
  return used;
}

// Cells as their contents, and their colours in runs: (how many, foreground, background).
function captureLine(line, row, out, links) {
  const { _data: data } = line;
  const used = usedLength(line);
  out.lengths.push(used);
  out.wrapped.push(line.isWrapped ? 1 : 0);
  let run = -1;
  for (let cell = 0; cell < used; cell += 1) {
    const [content, fg, bg] = [data[cell * 3], data[cell * 3 + 1], data[cell * 3 + 2]];
    out.contents.push(content);
    if (cell && out.attributes[run + 1] === fg && out.attributes[run + 2] === bg) out.attributes[run] += 1;
    else run = out.attributes.push(1, fg, bg) - 3;
    if (content & COMBINED) out.combined.push([row, cell, line._combined[cell]]);
    if (bg & EXTENDED) out.extended.push([row, cell, ...captureExtended(line._extendedAttrs[cell], links)]);
  }
}

function captureExtended(extended, links) {
  if (extended?._urlId) links.add(extended._urlId);
  return [extended?._ext ?? 0, extended?._urlId ?? 0];
}

const captureAttributes = ({ fg, bg, extended }, links) => ({ fg, bg, extended: captureExtended(extended, links) });

function restoreAttributes(attributes, { fg, bg, extended: [ext, link] }, links) {
  attributes.fg = fg;
  attributes.bg = bg;
  attributes.extended._ext = ext;
  attributes.extended._urlId = links.get(link) ?? 0;
}

function restoreBuffer(buffer, state, links) {
  const plain = buffer.getNullCell().extended;
  buffer.lines.length = 0;
  let [content, run, left] = [0, -3, 0];
  const made = [];
  for (let row = 0; row < state.lengths.length; row += 1) {
    const line = buffer.getBlankLine({ fg: 0, bg: 0, extended: plain }, Boolean(state.wrapped[row]));
    for (let cell = 0; cell < state.lengths[row]; cell += 1, left -= 1) {
      if (!left) left = state.attributes[(run += 3)];
      line._data[cell * 3] = state.contents[content++];
      line._data[cell * 3 + 1] = state.attributes[run + 1];
      line._data[cell * 3 + 2] = state.attributes[run + 2];
    }
    made.push(line);
    buffer.lines.push(line);
  }
  for (const [row, cell, text] of state.combined) made[row]._combined[cell] = text;
  for (const [row, cell, ext, link] of state.extended) {
    const extended = plain.clone();
    extended._ext = ext;
    extended._urlId = links.get(link) ?? 0;
    made[row]._extendedAttrs[cell] = extended;
  }
  buffer.ybase = state.ybase;
  buffer.ydisp = state.ydisp;
  buffer.x = state.x;
  buffer.y = state.y;
  buffer.scrollTop = state.top;
  buffer.scrollBottom = state.bottom;
  buffer.tabs = { ...state.tabs };
  buffer.savedX = state.saved.x;
  buffer.savedY = state.saved.y;
  restoreAttributes(buffer.savedCurAttrData, state.saved.pen, links);
  buffer.savedCharset = state.saved.charset;
}

// Links get new numbers; those that a program goes on with are found again by their own name.
function restoreLinks(service, links) {
  const ids = new Map();
  for (const [old, data] of links) {
    const entry = { id: service._nextId++, data, lines: [] };
    if (data.id !== undefined) {
      entry.key = service._getEntryIdKey(data);
      service._entriesWithId.set(entry.key, entry);
    }
    service._dataByLinkId.set(entry.id, entry);
    ids.set(old, entry.id);
  }
  return ids;
}
