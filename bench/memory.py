"""Memory of processes as the kernel counts it."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
SHELLS = frozenset({"bash", "sh"})
"""What a person runs, not what brings it to them."""


def pss(pid: int) -> int:
    """Proportional set size in bytes: pages shared with others count by their share. 0 for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def rss(pid: int) -> int:
    """Resident set size in bytes: cheap to ask for, pages shared with others count whole."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def descendants(pid: int, *, without: frozenset[str] = frozenset()) -> list[int]:
    """This process and all below it, but for those of these names and what is below them."""
    children: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                children.setdefault(int(rest.split()[1]), []).append((int(entry.name), name))
    found = [pid]
    for each in found:
        found += [child for child, name in children.get(each, ()) if name not in without]
    return found


class Peak:
    """The most memory that processes had while the block ran, sampled every 20 ms."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._done = threading.Event()
        self.most = dict.fromkeys(pids, 0)
        self.before = {name: pss(pid) for name, pid in pids.items()}
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.02):
            for name, pid in self._pids.items():
                self.most[name] = max(self.most[name], pss(pid))

    def growth(self) -> dict[str, int]:
        """Bytes above the start, by process."""
        return {name: max(0, self.most[name] - self.before[name]) for name in self._pids}
