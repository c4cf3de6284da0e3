"""Which sizes a terminal has had, each from an offset of its output on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandboxcore.shim.spawner import TerminalSize

CAPACITY = 256
"""Changes that are remembered, the newest; who drags a window's corner makes dozens."""


class Sizes:
    """Changes in order, counted from 0; whoever reads keeps the number of the next one."""

    __slots__ = ("_base", "_changes")

    def __init__(self, first: TerminalSize | None) -> None:
        self._base = 0
        self._changes = [] if first is None else [(0, first)]

    def add(self, offset: int, size: TerminalSize) -> None:
        """From ``offset`` on the terminal has this size."""
        self._changes.append((offset, size))
        if len(self._changes) > CAPACITY:
            self._base += 1
            del self._changes[0]

    def next(self, number: int) -> tuple[int, int, TerminalSize] | None:
        """The change of this number or the first that is remembered: its number, its offset and the size."""
        index = max(0, number - self._base)
        if index >= len(self._changes):
            return None
        return self._base + index, *self._changes[index]

    def at(self, offset: int) -> int:
        """The number of the change that holds at ``offset``."""
        before = sum(1 for start, _ in self._changes if start <= offset)
        return self._base + max(0, before - 1)
