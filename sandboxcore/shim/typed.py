"""Input that its sender numbers, so that what is sent again after a lost connection is not typed again."""

from __future__ import annotations

from collections import OrderedDict

from sandboxcore.shim.requests import RefusedError

MOST_SOURCES = 64
"""Senders remembered a command, those heard last."""


class Typed:
    """How many bytes of each sender's input the command's session has taken."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: OrderedDict[str, int] = OrderedDict()

    def taken(self, source: str) -> int:
        """Bytes taken of this sender; 0 for one that is not known, or not any more."""
        return self._taken.get(source, 0)

    def accept(self, source: str, offset: int, data: bytes) -> bytes:
        """What is new in ``data``, which begins at the sender's byte ``offset``; it counts as taken.

        Raises ``RefusedError`` where bytes before it are missing.
        """
        taken = self.taken(source)
        if offset > taken:
            raise RefusedError(f"input jumps from byte {taken} to {offset}")
        fresh = data[taken - offset :]
        self._taken[source] = taken + len(fresh)
        self._taken.move_to_end(source)
        while len(self._taken) > MOST_SOURCES:
            self._taken.popitem(last=False)
        return fresh
