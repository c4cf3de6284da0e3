"""Which requests to sandboxes are open: bounded for each sandbox, and told when they must end before their time."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.server.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sandboxcore.server.dataplane.target import Target


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a stream must end: a WebSocket's close code, and words for the client."""

    code: int
    message: str


RESTARTING = Farewell(1001, "the server is restarting; the command goes on")
KEY_ENDED = Farewell(1008, "the API key was revoked or has expired; the command goes on")


class Streams:
    """Counts open streams and holds, for each, the future that is done when it must end."""

    def __init__(self, most_per_sandbox: int) -> None:
        self._most = most_per_sandbox
        self._open: Counter[str] = Counter()
        self._farewells: dict[asyncio.Future[Farewell], str] = {}
        """With the identifier of the key that opened it."""
        self._draining = False
        self._none_open = asyncio.Event()
        self._none_open.set()

    @contextmanager
    def admitted(self, target: Target) -> Iterator[asyncio.Future[Farewell]]:
        """Count a stream while the block runs, and give the future of its early end. Raises ``ApiError`` 429."""
        sandbox_id = target.sandbox_id
        if self._open[sandbox_id] >= self._most:
            message = f"this sandbox has {self._most} requests open already; wait until some have ended"
            raise ApiError(429, "TooManyRequests", message, headers={"Retry-After": "1"})
        farewell: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()
        if self._draining:
            farewell.set_result(RESTARTING)
        self._open[sandbox_id] += 1
        self._farewells[farewell] = target.caller.key_id
        self._none_open.clear()
        try:
            yield farewell
        finally:
            del self._farewells[farewell]
            if not self._farewells:
                self._none_open.set()
            farewell.cancel()
            self._open[sandbox_id] -= 1
            if not self._open[sandbox_id]:
                del self._open[sandbox_id]

    def keys(self) -> set[str]:
        """The identifiers of the keys that have streams open."""
        return set(self._farewells.values())

    def end_of(self, keys: Collection[str]) -> None:
        """End every stream of these keys."""
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
