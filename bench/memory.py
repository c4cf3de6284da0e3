"""Memory of processes as the kernel counts it."""

from __future__ import annotations

import re
import threading
from pathlib import Path


def pss(pid: int) -> int:
    """Proportional set size in bytes: pages shared with others count by their share. 0 for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


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
