"""What goes to the screen: tables, JSON, and one line for an error. Names come from others, so no control passes."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def plain(value: object) -> str:
    """Text in which nothing moves the cursor or turns the line round; ``-`` for nothing."""
    if value is None or value == "":
        return "-"
    return _HIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns, each as wide as its widest cell."""
    drawn = [list(headings), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in drawn) for place in range(len(headings))]
    for row in drawn:
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def line(text: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{text}\n")


def as_json(value: object) -> None:
    """Print a thing of the SDK, or a list of them, as JSON."""
    json.dump(_data(value), sys.stdout, indent=2, ensure_ascii=True, default=str)
    sys.stdout.write("\n")


def _data(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_data(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return dict(value) if isinstance(value, Mapping) else value


def complain(message: object) -> None:
    """One line on standard error."""
    sys.stderr.write(f"sandbox: {plain(message)}\n")
