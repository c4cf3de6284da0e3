"""The log of requests without a valid key: what anybody can cause must not fill the disk."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("sandboxd.api")
MOST_LINES = 30
WINDOW_SECONDS = 60.0


class RefusalLog:
    """At most ``MOST_LINES`` lines in ``WINDOW_SECONDS``; the next window begins with how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = float("-inf")
        self._lines = 0

    def info(self, message: str, *arguments: object) -> None:
        """Log one refusal, or count it."""
        moment = self._clock()
        if moment - self._since >= WINDOW_SECONDS:
            left_out = self._lines - MOST_LINES
            if left_out > 0:
                log.warning("%d more requests without a valid key were refused in the last minutes", left_out)
            self._since, self._lines = moment, 0
        self._lines += 1
        if self._lines <= MOST_LINES:
            log.info(message, *arguments)


refusals = RefusalLog()
