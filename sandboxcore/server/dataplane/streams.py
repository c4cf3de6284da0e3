"""Which long requests are open: bounded for each thing that they use, and told when they must end before their time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.server.clock import now
from sandboxcore.server.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.dataplane.target import Target


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a stream must end: a WebSocket's close code, and words for the client."""

    code: int
    message: str


EXPIRES_SOON = 2.0
"""Seconds of life left to a key below which whoever watches keys is told of it at once."""
ENDED_SECONDS = 5.0
"""How long a key that has ended is kept in mind: a request that was let in just before opens nothing more."""
RESTARTING = Farewell(1001, "the server is restarting; the command goes on")
KEY_ENDED = Farewell(1008, "the API key was revoked or has expired; the command goes on")


class Streams:
    """Counts open streams and holds, for each, the future that is done when it must end."""

    def __init__(self, most_per_sandbox: int) -> None:
        self._most = most_per_sandbox
        self._open: Counter[str] = Counter()
        self._farewells: dict[asyncio.Future[Farewell], str] = {}
        """With the identifier of the key that opened it."""
        self._ended: dict[str, float] = {}
        """Keys that have just ended, and until when to keep them in mind, on the monotonic clock."""
        self._draining = False
        self._none_open = asyncio.Event()
        self._none_open.set()
        self.on_short_lived: Callable[[], None] = lambda: None
        """Called when a stream is opened by a key that soon expires."""

    @contextmanager
    def admitted(self, target: Target) -> Iterator[asyncio.Future[Farewell]]:
        """``held`` for a sandbox."""
        with self.held(target.caller, target.sandbox_id, "this sandbox", self._most) as farewell:
            yield farewell

    @contextmanager
    def held(self, caller: Caller, thing_id: str, thing: str, most: int) -> Iterator[asyncio.Future[Farewell]]:
        """Count a stream to ``thing`` while the block runs, and give the future of its early end.

        Raises ``ApiError`` 429 where ``most`` are open.
        """
        if self._open[thing_id] >= most:
            message = f"{thing} has {most} requests open already; wait until some have ended"
            raise ApiError(429, "TooManyRequests", message, headers={"Retry-After": "1"})
        farewell: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()
        if self._draining:
            farewell.set_result(RESTARTING)
        elif caller.key_id in self._ended:
            farewell.set_result(KEY_ENDED)
        self._open[thing_id] += 1
        self._farewells[farewell] = caller.key_id
        self._none_open.clear()
        if caller.expires_at is not None and caller.expires_at < now() + EXPIRES_SOON:
            self.on_short_lived()
        try:
            yield farewell
        finally:
            del self._farewells[farewell]
            if not self._farewells:
                self._none_open.set()
            farewell.cancel()
            self._open[thing_id] -= 1
            if not self._open[thing_id]:
                del self._open[thing_id]

    def keys(self) -> set[str]:
        """The identifiers of the keys that have streams open."""
        return set(self._farewells.values())

    def end_of(self, keys: Collection[str]) -> None:
        """End every stream of these keys, which never live again."""
        moment = time.monotonic()
        lately = {key_id: until for key_id, until in self._ended.items() if until > moment}
        self._ended = lately | dict.fromkeys(keys, moment + ENDED_SECONDS)
        self._end([farewell for farewell, key_id in self._farewells.items() if key_id in keys], KEY_ENDED)

    async def drain(self, seconds: float) -> None:
        """Tell every stream that the server ends, and wait at most so long until they have gone."""
        self._draining = True
        self._end(self._farewells, RESTARTING)
        try:
            async with asyncio.timeout(seconds):
                await self._none_open.wait()
        except TimeoutError:
            return

    @staticmethod
    def _end(farewells: Collection[asyncio.Future[Farewell]], why: Farewell) -> None:
        for farewell in farewells:
            if not farewell.done():
                farewell.set_result(why)
