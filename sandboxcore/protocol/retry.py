"""When to try again, and after how long."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from sandboxcore.protocol.failures import GATEWAY_STATUSES, quota_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.protocol.calls import Call
    from sandboxcore.protocol.failures import Reply

MAX_DELAY = 10.0
"""Longest wait before one retry, in seconds."""
RECONNECT_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Waits before each try to attach to a running command again, in seconds."""
QUOTA_ERROR = "QuotaExceeded"
"""The type of a 429 that a limit of the workspace gave, which sends ``Retry-After: 0`` for clients that would wait."""
STABLE_SECONDS = 10.0
"""A connection that held for so long was a good one, even if the command said nothing on it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries of HTTP requests. ``jitter`` gives a number from 0 to 1, ``clock`` seconds since the epoch."""

    max_retries: int = 3
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.time

    def after_failure(self, call: Call, attempt: int, *, sent: bool) -> float | None:
        """Seconds to wait after a connection failed, None to give up; ``sent`` if the server may have the request."""
        if attempt >= self.max_retries or (sent and not call.repeatable):
            return None
        return self._backoff(attempt)

    def after_reply(self, call: Call, attempt: int, reply: Reply) -> float | None:
        """Seconds to wait after a refusal, or None if it is the answer."""
        if attempt >= self.max_retries:
            return None
        if reply.status == 429:
            return self._rate_limit(attempt, reply)
        if reply.status not in GATEWAY_STATUSES or not call.repeatable:
            return None
        if call.creates and reply.refusal().error_type:
            return None
        return self._backoff(attempt)

    def _backoff(self, attempt: int) -> float:
        return min(2.0**attempt + self.jitter(), MAX_DELAY)

    def _rate_limit(self, attempt: int, reply: Reply) -> float | None:
        """A quota's 429 is final, since waiting frees nothing: told by its type, or by words that ask for no wait."""
        if reply.refusal().error_type == QUOTA_ERROR:
            return None
        header = reply.headers.get("retry-after")
        if header is None:
            return None if quota_type(reply.refusal().message) else self._backoff(attempt)
        return min(_seconds(header, self.clock()) + self.jitter(), MAX_DELAY)


def _seconds(header: str, now: float) -> float:
    """What ``Retry-After`` asks for: seconds or a date; a second where it is neither."""
    try:
        return max(0.0, float(header))  # in this order, what is no number gives 0
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return 1.0


class ReconnectPlan:
    """The tries that a lost connection has left.

    A server that said that it reloads is tried at once, before the delays begin. A try that reached the command gives
    all of them back.
    """

    def __init__(self, delays: tuple[float, ...] = RECONNECT_DELAYS) -> None:
        self._delays = delays
        self.attached()

    def attached(self) -> None:
        """The command was reached: everything begins anew."""
        self.tries = 0
        self._at_once = True

    def next_delay(self, *, reloading: bool = False) -> float | None:
        """Seconds to wait before the next try, or None when there is none left."""
        if reloading and self._at_once:
            self._at_once = False
            return 0.0
        if self.tries >= len(self._delays):
            return None
        self.tries += 1
        return self._delays[self.tries - 1]
