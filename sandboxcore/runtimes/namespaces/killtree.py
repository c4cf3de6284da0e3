"""Killing a command with all its descendants, double-forked daemons and fork bombs too, from PID 1 of its sandbox.

Every command runs under a guard that adopts its orphans, so that its descendants are exactly the guard's. A round
walks ``/proc``, stops what it finds so that it cannot fork on, and kills what was stopped; rounds go on until one
finds nothing.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Children = dict[int, list[int]]
"""Live children by the process id of their parent."""

TIME_LIMIT = 5.0
"""Seconds after which a tree that does not die (a process in an uninterruptible wait) is given up."""
_STOPPING_ROUNDS = 2


def read_children(proc: Path = Path("/proc")) -> Children:
    """Who is whose child now, zombies left out."""
    children: Children = {}
    for name in os.listdir(proc):  # noqa: PTH208 - names alone, at half the cost
        if not name.isdigit():
            continue
        try:
            stat = (proc / name / "stat").read_bytes()
        except OSError:
            continue
        state, parent = stat[stat.rindex(b")") + 2 :].split(None, 2)[:2]
        if state not in (b"Z", b"X"):
            children.setdefault(int(parent), []).append(int(name))
    return children


def descendants(children: Children, root: int) -> list[int]:
    """Every process below ``root``, without it."""
    found: list[int] = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


class TreeKiller:
    """One killing in progress; ``step`` does one round, so that PID 1 can serve others in between."""

    def __init__(self, find: Callable[[Children], list[int]]) -> None:
        self._find = find
        self._round = 0
        self._deadline = time.monotonic() + TIME_LIMIT

    def step(self) -> bool:
        """One round. True when nothing is left, or time is up."""
        targets = self._find(read_children())
        if not targets:
            return True
        if self._round < _STOPPING_ROUNDS:
            _signal_all(targets, signal.SIGSTOP)
        if self._round > 0:
            _signal_all(targets, signal.SIGKILL)
        self._round += 1
        return time.monotonic() > self._deadline


def _signal_all(targets: list[int], number: int) -> None:
    for target in targets:
        try:
            os.kill(target, number)
        except ProcessLookupError:
            continue
