"""Which processes belong to what, read from ``/proc`` where there is one, else from ``ps``."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARK = "SANDBOXCORE_COMMAND"
"""Variable by which a daemon that left its parents is still known (Linux only)."""
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process of this machine."""

    pid: int
    parent: int
    session: int
    is_zombie: bool
    cpu_seconds: float
    memory_bytes: int
    ended_cpu_seconds: float = 0.0
    """Of those below it that have ended, as far as they were waited for."""


def snapshot() -> dict[int, ProcessInfo]:
    """Every process of this machine by its id."""
    processes = _read_proc() if (_PROC / "self" / "stat").exists() else _ask_ps()
    return {process.pid: process for process in processes}


def descendants(roots: Iterable[int], processes: dict[int, ProcessInfo]) -> set[int]:
    """The processes whose parents lead to one of ``roots``, without these."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def marked(beginning: str, candidates: Iterable[int]) -> set[int]:
    """The processes among ``candidates`` whose ``MARK`` begins so."""
    needle = f"{MARK}={beginning}".encode()
    return {pid for pid in candidates if any(entry.startswith(needle) for entry in _environment(pid))}


def kill_all(find: Callable[[], set[int]]) -> None:
    """SIGKILL what ``find`` finds until it finds nothing: each round stops first, so that nothing forks away.

    ``find`` must leave out what has ended already.
    """
    for _ in range(_ROUNDS):
        pids = find()
        if not pids:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                send(pid, number)


def send(pid: int, number: int) -> None:
    """Signal one process; one that has gone, or became another user's, is left."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _read_proc() -> list[ProcessInfo]:
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        # the name in parentheses may hold anything, spaces and parentheses too
        fields = text[text.rindex(")") + 2 :].split()
        found.append(
            ProcessInfo(
                pid=int(entry.name),
                parent=int(fields[1]),
                session=int(fields[3]),
                is_zombie=fields[0] in {"Z", "X"},
                cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICK,
                memory_bytes=int(fields[21]) * _PAGE,
                ended_cpu_seconds=(int(fields[13]) + int(fields[14])) / _TICK,
            )
        )
    return found


def _ask_ps() -> list[ProcessInfo]:
    output = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,ppid=,pgid=,state=,rss="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = []
    for line in output.splitlines():
        pid, parent, group, state, rss = line.split()[:5]
        found.append(ProcessInfo(int(pid), int(parent), int(group), state.startswith("Z"), 0.0, int(rss) * 1024))
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
