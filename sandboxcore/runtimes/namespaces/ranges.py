"""Ranges of user ids: one for each sandbox, never shared by two, on the whole machine.

A range is held by a lock on a file of its own that the sandbox's shim keeps open, so that it is free again
whenever the sandbox is gone, and several hosts on one machine never hand out the same.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sandboxcore.runtimes.namespaces.plan import MAPPED_IDS, RANGE_SIZE, IdMap

FIRST = 0x70000000
"""Above what other tools take: systemd-nspawn goes up to 0x6FFFFFFF, login.defs far less."""
END = 0x7FFE0000
"""Where systemd's foreign ids begin."""
COUNT = (END - FIRST) // RANGE_SIZE
LOCKS = Path("/run/sandbox-console.ids")


def ids_of(index: int) -> IdMap:
    """The ids of a range."""
    return IdMap("range", FIRST + index * RANGE_SIZE, MAPPED_IDS)


class Ranges:
    """Hands out ranges. Holds what it gave until ``release``."""

    def __init__(self, locks: Path = LOCKS) -> None:
        self._locks = locks
        self._held: dict[int, int] = {}
        self._next = 0
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self) -> tuple[int, int] | None:
        """A free range and the descriptor that holds it; None when all are taken."""
        for offset in range(COUNT):
            index = (self._next + offset) % COUNT
            if index not in self._held and (descriptor := self._lock(index)) is not None:
                self._held[index] = descriptor
                # Going on instead of back keeps a range unused for long after its sandbox has gone.
                self._next = index + 1
                return index, descriptor
        return None

    def adopt(self, index: int) -> None:
        """Count a range as taken whose shim, of an earlier host, holds the lock."""
        self._held.setdefault(index, -1)

    def release(self, index: int) -> None:
        """Let go of a range; nothing runs under it any more."""
        descriptor = self._held.pop(index, -1)
        if descriptor >= 0:
            os.close(descriptor)

    def _lock(self, index: int) -> int | None:
        descriptor = os.open(self._locks / str(index), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
