"""Background work: the same thing again and again, whatever became of it the last time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable


async def repeat(
    work: Callable[[], Awaitable[object]], *, every: Callable[[], float] | float, log: logging.Logger, doing: str
) -> NoReturn:
    """Wait ``every`` seconds, work, and so on until cancelled. What fails is logged as ``doing`` that failed."""
    while True:
        await asyncio.sleep(every() if callable(every) else every)
        await attempt(work, log=log, doing=doing)


async def attempt(work: Callable[[], Awaitable[object]], *, log: logging.Logger, doing: str) -> None:
    """Work once; what fails is logged as ``doing`` that failed."""
    try:
        await work()
    except Exception:  # the next time must come whatever this one met
        log.exception("%s failed", doing)


class Due:
    """Something that is to be done now and then, by who comes by more often."""

    def __init__(self, seconds: float, *, at_once: bool = False) -> None:
        self._seconds = seconds
        self._at = 0.0 if at_once else _clock() + seconds

    def __call__(self) -> bool:
        """Whether its time has come; then the next one is ``seconds`` away."""
        is_due = _clock() >= self._at
        if is_due:
            self.postpone()
        return is_due

    def postpone(self) -> None:
        """It has just been done."""
        self._at = _clock() + self._seconds


def _clock() -> float:
    return asyncio.get_running_loop().time()
