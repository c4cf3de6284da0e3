"""What a recording says, as lines of text without escapes, each with the second at which it was whole."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.recordings.cast import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LONGEST = 2000
"""Characters of one line; what follows is another."""
LONGEST_ESCAPE = 8192
CONTEXT = 80
MOST_BACK = 100
"""Characters in a row that a piece of output takes back; hostile output could have more, at a price."""
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    r"|[ -/]+[0-~]"
    r"|[0-OQ-WYZ\\`-~])"
)
_MOVES = re.compile(r"\x1b\[[0-9;]*[ABEFHfd]")
_SIDEWAYS = re.compile(r"\x1b\[[0-9;]*[CG]")
_BACK = re.compile(r"[^\b\n]\x08")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line and when it was whole."""

    at: float
    text: str


class Lines:
    """Makes lines of output that comes in pieces."""

    def __init__(self) -> None:
        self._rest = ""
        """An escape without its end."""
        self._line = ""
        self._at = 0.0

    def feed(self, at: float, data: str) -> Iterator[Line]:
        """The lines that this output makes whole."""
        data = self._rest + data
        self._rest = ""
        if (start := data.rfind("\x1b")) >= 0 and len(data) - start < LONGEST_ESCAPE:
            match = _ESCAPE.match(data, start)
            # A string's own end, ESC \\, may be what is cut.
            if match is None:
                opened = max(data.rfind(each, 0, start) for each in ("\x1b]", "\x1bP"))
                if opened >= 0 and _ESCAPE.match(data, opened) is None and data[start : start + 2] != "\x1b\\":
                    start = opened
                data, self._rest = data[:start], data[start:]
        *whole, self._line = _plain(self._line, data)
        for text in whole:
            yield from _cut(at, text)
        if len(self._line) > LONGEST:
            yield from _cut(at, self._line)
            self._line = ""
        self._at = at

    def end(self) -> Iterator[Line]:
        """The line that has no end."""
        yield from _cut(self._at, self._line)
        self._line = ""


def _plain(before: str, data: str) -> list[str]:
    text = _ESCAPE.sub("", _SIDEWAYS.sub(" ", _MOVES.sub("\n", data)))
    text = before + text.replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(MOST_BACK):
        if "\x08" not in text:
            break
        text = _BACK.sub("", text)
    return _CONTROLS.sub("", text.replace("\t", " ")).split("\n")


def _cut(at: float, text: str) -> Iterator[Line]:
    text = text.rstrip()
    for start in range(0, len(text), LONGEST):
        yield Line(at, text[start : start + LONGEST])


def lines_of(path: Path) -> Iterator[Line]:
    """The lines of a recording's file, in order. Raises ``FileNotFoundError``."""
    lines = Lines()
    for event in events(path):
        if event.kind == "o":
            yield from lines.feed(event.at, event.data)
    yield from lines.end()


def write_text(cast: Path, text: Path) -> None:
    """Put the lines of a recording that has ended beside it, whole or not at all. Raises ``OSError``."""
    unfinished = text.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        for line in lines_of(cast):
            file.write(f"{line.at:.6f}\t{line.text}\n")
    unfinished.replace(text)


def read_text(path: Path) -> Iterator[Line]:
    """The lines that ``write_text`` wrote. Raises ``FileNotFoundError``."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            at, _, text = line.rstrip("\n").partition("\t")
            yield Line(float(at), text)


def found_in(lines: Iterable[Line], words: str, most: int) -> list[Line]:
    """The first lines that have ``words``, in capitals or not, cut to what is around them."""
    wanted = words.casefold()
    found: list[Line] = []
    for line in lines:
        place = line.text.casefold().find(wanted)
        if place < 0:
            continue
        start = max(0, place - CONTEXT)
        found.append(Line(line.at, line.text[start : place + len(words) + CONTEXT]))
        if len(found) >= most:
            break
    return found


def as_json(lines: Iterable[Line]) -> str:
    """For the page's script."""
    return json.dumps([{"at": line.at, "text": line.text} for line in lines])
