"""What the workspace holds of what it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.lists.cells import cores, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore import Limits

NEARLY = 0.8
"""The part of a limit from which on it is nearly reached."""


def _count(value: int) -> str:
    return f"{value:,}"


_SHOWN: tuple[tuple[str, str, Callable[[int], str]], ...] = (
    ("sandboxes", "Sandboxes", _count),
    ("cpu_millis", "CPU", cores),
    ("memory_bytes", "Memory", size),
    ("storage_bytes", "Storage", size),
    ("volumes", "Volumes", _count),
    ("pools", "Pools", _count),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One limit: ``share`` of it is held, 0 to 1; None where there is no limit."""

    label: str
    held: str
    limit: str
    share: float | None

    @property
    def nearly(self) -> bool:
        """Whether little is left."""
        return self.share is not None and self.share >= NEARLY

    @property
    def percent(self) -> int:
        """The share in whole percent."""
        return int(100 * (self.share or 0))

    @property
    def words(self) -> str:
        """What is held, in a sentence's end."""
        return f"{self.held} of {self.limit} ({self.percent} %)" if self.limit else f"{self.held}, no limit"


def bars(limits: Limits) -> list[Bar]:
    """A bar for each limit."""
    found = []
    for key, label, write in _SHOWN:
        each = getattr(limits, key)
        limit = "" if each.limit is None else write(each.limit)
        share = None if each.limit is None else (min(each.held / each.limit, 1.0) if each.limit else 1.0)
        found.append(Bar(label, write(each.held), limit, share))
    return found
