"""When reading a command's pipe has to wait for its readers.

A pipe is paced by the most advanced reader: reading goes on only while it evicts nothing that this reader has yet to
take, and keeps as much again of what was taken already, because a part of that is still on its way when a connection
breaks. Nobody can stop a command for long: a reader that takes nothing for ``stall_seconds`` no longer counts, and
readers that vanished count for ``linger_seconds``. The second is granted anew only to a client that came back for more
than it had asked for before, so that one which fails again and again at the same place holds up nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandboxcore.shim.limits import Limits


class Cursor(Protocol):
    """A reader, as pacing sees it: where it began and is in each stream, and when it last moved."""

    origin: tuple[int, int]
    cursors: list[int]
    moved_at: float
    stalled: bool


class Pace:
    """Decides from readers and clock; does no I/O and sets no timers."""

    __slots__ = ("_granted", "_held", "_held_until", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: list[int] = [0, 0]
        self._held_until = 0.0
        self._granted: tuple[int, int] | None = None

    def vanished(self, reader: Cursor, now: float) -> None:
        """A reader's connection ended without a word: hold its unread part for a while."""
        granted = self._granted
        if granted is not None and all(a <= b for a, b in zip(reader.origin, granted, strict=True)):
            return
        self._granted = reader.origin
        self._held = list(reader.cursors)
        self._held_until = now + self._limits.linger_seconds

    def protected(self, readers: Iterable[Cursor], stream: int, now: float) -> int | None:
        """The offset from which text of ``stream`` must not be evicted, or None when nothing holds it."""
        live = [reader.cursors[stream] for reader in readers if not reader.stalled]
        if live:
            return max(live)
        return self._held[stream] if now < self._held_until else None

    def mark_stalled(self, readers: Iterable[Cursor], waiting_since: float, now: float) -> None:
        """Stop counting the readers that took nothing since ``waiting_since`` or later, for too long."""
        for reader in readers:
            if now >= max(reader.moved_at, waiting_since) + self._limits.stall_seconds:
                reader.stalled = True

    def next_check(self, readers: Iterable[Cursor], waiting_since: float, now: float) -> float:
        """Seconds until the answer of ``protected`` may change by time alone."""
        times = [
            max(reader.moved_at, waiting_since) + self._limits.stall_seconds for reader in readers if not reader.stalled
        ]
        return max(0.001, (min(times) if times else self._held_until) - now)
