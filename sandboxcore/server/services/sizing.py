"""How large a pool should be: the fewest warm sandboxes with which each create of late would have found one.

The creates are played again: each takes a warm sandbox, which is replaced after the time that a start takes, at most so
many at a time. What comes out is exact for what happened; it is a suggestion for what comes.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from sandboxcore.server.services.filling import MOST_STARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_REPLICAS = 100
ASSUMED_SECONDS = 1.0
"""How long a start takes, where none was seen."""
LEAST_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How many sandboxes to keep warm, None where there is nothing to go by, and why."""

    replicas: int | None
    because: str


def suggest(arrivals: Sequence[float], start_seconds: float | None, *, window: str) -> Suggestion:
    """The size for creates that came at these moments, in order; ``window`` says in words which they are."""
    if not arrivals:
        return Suggestion(None, f"nothing was created from the template in {window}, so there is nothing to go by")
    seconds = max(start_seconds or ASSUMED_SECONDS, LEAST_SECONDS)
    needed = bisect_left(range(1, MOST_REPLICAS + 1), True, key=lambda size: suffices(arrivals, size, seconds)) + 1
    rush = busiest(arrivals, seconds)
    creates = "the one create" if len(arrivals) == 1 else f"each of the {len(arrivals)} creates"
    takes = f"a start {'takes' if start_seconds else 'is assumed to take'} {_shown(seconds)}"
    if needed > MOST_REPLICAS:
        said = f"even {MOST_REPLICAS} would not have been enough: up to {rush} creates came while one start lasted"
        return Suggestion(MOST_REPLICAS, f"{said} in {window} ({takes})")
    came = "one create at a time came" if rush == 1 else f"up to {rush} creates came while one start lasted"
    if needed > rush:
        came += f", and at most {MOST_STARTS} start at a time"
    return Suggestion(needed, f"with {needed} warm {creates} in {window} would have found one: {came} ({takes})")


def suffices(arrivals: Sequence[float], size: int, seconds: float, *, at_a_time: int = MOST_STARTS) -> bool:
    """Whether each create would have found a warm sandbox in a pool of this size that was full before the first."""
    warm, waiting = size, 0
    starting: list[float] = []
    for moment in arrivals:
        while starting and starting[0] <= moment:
            ended = heappop(starting)
            warm += 1
            if waiting:
                waiting -= 1
                heappush(starting, ended + seconds)
        if not warm:
            return False
        warm -= 1
        if len(starting) < at_a_time:
            heappush(starting, moment + seconds)
        else:
            waiting += 1
    return True


def busiest(arrivals: Sequence[float], seconds: float) -> int:
    """The most creates that came within so many seconds."""
    first, most = 0, 0
    for last, moment in enumerate(arrivals):
        while arrivals[first] < moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
