"""For how long a chart shows what was, as its address says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

ROUNDED = timedelta(seconds=2)
"""By how much an end that has come may lie before us: it is a whole number of seconds, of another clock."""
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """A choice of time; ``seconds`` back from now, with one point every ``step`` seconds."""

    key: str
    label: str
    seconds: int
    step: int


RANGES = (
    Range("15m", "15 min", 15 * 60, 10),
    Range("1h", "1 h", 3600, 10),
    Range("6h", "6 h", 6 * 3600, 60),
    Range("24h", "24 h", 24 * 3600, 300),
)


def range_of(request: HttpRequest, default: str) -> Range:
    """The range that the address chooses with ``?range=``; any other word is the default."""
    by_key = {each.key: each for each in RANGES}
    return by_key.get(request.GET.get("range", ""), by_key[default])


@dataclass(frozen=True, slots=True)
class Window:
    """The readings to ask for. ``over`` tells that nothing comes after ``end``; else that is now."""

    start: datetime
    end: datetime
    step: int
    over: bool = False


def window_of(request: HttpRequest, chosen: Range) -> Window:
    """The chosen range until now, or until ``?until=``; only what came since ``?after=``, where that lies in it.

    Both are seconds since 1970; what is none is as if it were not there.
    """
    now = datetime.now(UTC)
    until = _moment(request.GET.get("until", ""))
    if until is not None and EPOCH + timedelta(seconds=chosen.seconds) < until < now + ROUNDED:
        return Window(until - timedelta(seconds=chosen.seconds), until, chosen.step, over=True)
    start, end = now - timedelta(seconds=chosen.seconds), now
    after = _moment(request.GET.get("after", ""))
    if after is None:
        return Window(start, end, chosen.step)
    return Window(max(start, min(after, end - timedelta(seconds=chosen.step))), end, chosen.step)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
