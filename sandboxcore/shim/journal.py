"""In which order the pieces of stdout and stderr arrived."""

from __future__ import annotations

CAPACITY = 4096


class Journal:
    """Alternating runs of the two streams as (stream, end offset), the last ``CAPACITY`` of them.

    The two newest runs are always there, so every byte belongs to a run; where old runs are gone, more than one
    run of a stream is read as one.
    """

    __slots__ = ("_base", "_runs")

    def __init__(self) -> None:
        self._base = 0
        self._runs: list[tuple[int, int]] = []

    def add(self, stream: int, end: int) -> None:
        """Note that ``stream`` now ends at ``end``."""
        if self._runs and self._runs[-1][0] == stream:
            self._runs[-1] = (stream, end)
            return
        self._runs.append((stream, end))
        if len(self._runs) > 2 * CAPACITY:
            self._base += CAPACITY
            del self._runs[:CAPACITY]

    def next_run(self, position: int, cursors: list[int]) -> tuple[int, int, int] | None:
        """The first run at or after ``position`` that ``cursors`` have not passed: its position, stream and end."""
        for index in range(max(position - self._base, 0), len(self._runs)):
            stream, end = self._runs[index]
            if cursors[stream] < end:
                return self._base + index, stream, end
        return None
