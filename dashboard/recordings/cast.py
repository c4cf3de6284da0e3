"""Asciicast v2 files: a line of JSON as heading, then one line an event, each written whole.

``[seconds, "o", text]`` is output, ``"r"`` the size ``COLSxROWS``, ``"m"`` a marker. A marker that ends with
``byte N`` says at which byte of the shell's output the file goes on; so the file itself knows from where a recorder
that was interrupted has to continue.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GOES_ON = re.compile(r"byte (\d{1,16})\Z")
LONGEST_LINE = 4 * 1024 * 1024
"""No line that a recorder writes comes near."""


class CastBusyError(OSError):
    """Another process writes this file."""


@dataclass(frozen=True, slots=True)
class CastEvent:
    """One line after the heading."""

    at: float
    kind: str
    data: str


@dataclass(slots=True)
class Place:
    """Where a file ends: in bytes, in seconds, in the shell's output, and with which size of the terminal."""

    size: int = 0
    seconds: float = 0.0
    offset: int = 0
    terminal: tuple[int, int] | None = None
    """Columns and rows."""
    timestamp: float = 0.0


def heading(cols: int, rows: int, timestamp: float, title: str) -> str:
    """The first line."""
    head = {"version": 2, "width": cols, "height": rows, "timestamp": int(timestamp), "title": title}
    return json.dumps(head | {"env": {"TERM": "xterm-256color"}}, ensure_ascii=False) + "\n"


def line_of(event: CastEvent) -> str:
    """An event's line."""
    return json.dumps([round(event.at, 6), event.kind, event.data], ensure_ascii=False, separators=(", ", ":")) + "\n"


def goes_on_at(words: str, offset: int) -> str:
    """The text of a marker after which the file has the output from ``offset`` on."""
    return f"{words} It goes on at byte {offset}"


def read_heading(line: bytes) -> dict[str, Any]:
    """Raises ``ValueError`` for what is no heading of this version."""
    head = json.loads(line)
    if not isinstance(head, dict) or head.get("version") != 2:
        raise ValueError("not an asciicast v2 file")
    return head


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Every line that has its end; a torn last one is left out."""
    while line := file.readline(LONGEST_LINE):
        if not line.endswith(b"\n"):
            return
        yield line


def events(path: Path) -> Iterator[CastEvent]:
    """The events of a file, as far as its lines are whole. Raises ``FileNotFoundError``."""
    with path.open("rb") as file:
        lines = whole_lines(file)
        next(lines, None)
        for line in lines:
            at, kind, data = json.loads(line)
            yield CastEvent(at, kind, data)


def survey(path: Path) -> Place:
    """Where a file ends, a torn last line left out; the beginning where there is no heading yet."""
    place = Place()
    try:
        with path.open("rb") as file:
            for line in whole_lines(file):
                if place.size == 0:
                    head = read_heading(line)
                    place.terminal, place.timestamp = (head["width"], head["height"]), head["timestamp"]
                else:
                    _pass(place, CastEvent(*json.loads(line)))
                place.size += len(line)
    except FileNotFoundError:
        return place
    return place


def _pass(place: Place, event: CastEvent) -> None:
    place.seconds = event.at
    if event.kind == "o":
        place.offset += len(event.data.encode())
    elif event.kind == "r":
        cols, _, rows = event.data.partition("x")
        place.terminal = (int(cols), int(rows))
    elif found := _GOES_ON.search(event.data):
        place.offset = int(found[1])


class CastWriter:
    """Appends whole lines to one file, which it holds locked. Its methods block."""

    def __init__(self, path: Path) -> None:
        """Go on where the file ends. Raises ``CastBusyError`` where another process writes it, and ``OSError``."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.place = survey(path)
            os.ftruncate(self._fd, self.place.size)
            os.lseek(self._fd, 0, os.SEEK_END)
        except BlockingIOError:
            os.close(self._fd)
            raise CastBusyError(f"{path.name} is being written") from None
        except BaseException:
            os.close(self._fd)
            raise

    def write(self, text: str) -> None:
        """Append lines. Raises ``OSError``, having left the file as it was."""
        data = text.encode(errors="replace")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, self.place.size)
            os.lseek(self._fd, 0, os.SEEK_END)
            raise
        self.place.size += len(data)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._fd)
