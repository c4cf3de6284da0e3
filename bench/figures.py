"""Numbers with their spread, and the table that shows them."""

from __future__ import annotations

import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Series:
    """Durations of one thing done many times, in seconds."""

    name: str
    values: list[float] = field(default_factory=list)

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Add the time that the block takes."""
        began = time.perf_counter()
        yield
        self.values.append(time.perf_counter() - began)

    def percentile(self, share: float) -> float:
        """The value below which ``share`` (0-1) of the measurements lie."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def row(self, floor: Series | None = None) -> str:
        """One line: median, 99th percentile, least, count, and how many times the floor's median it is."""
        ratio = f"{self.median / floor.median:7.1f}x" if floor is not None else "       -"
        return (
            f"{self.name:<58} p50 {self.median * 1e3:8.2f} ms   p99 {self.percentile(0.99) * 1e3:8.2f} ms"
            f"   min {min(self.values) * 1e3:8.2f} ms   n {len(self.values):4d}   {ratio}"
        )
