"""What runs in a shell: the processes that descend from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandboxcore.metrics import SandboxProcess


def descendants(processes: Iterable[SandboxProcess], pid: int) -> list[SandboxProcess]:
    """Every process that ``pid`` has started, and theirs, oldest first; without those that have ended."""
    processes = sorted(processes, key=lambda process: process.pid)
    found: list[SandboxProcess] = []
    parents = {pid}
    while True:
        more = [each for each in processes if each.ppid in parents and each not in found]
        if not more:
            return [each for each in found if each.state != "Z"]
        found += more
        parents = {each.pid for each in more}
