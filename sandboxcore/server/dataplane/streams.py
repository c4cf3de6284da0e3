"""Which requests to sandboxes are open: bounded for each sandbox, and told when the server goes away."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandboxcore.server.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Streams:
    """Counts open streams and holds, for each, the future that is done when the server is about to end."""

    def __init__(self, most_per_sandbox: int) -> None:
        self._most = most_per_sandbox
        self._open: Counter[str] = Counter()
        self._farewells: set[asyncio.Future[None]] = set()
        self._draining = False
        self._none_open = asyncio.Event()
        self._none_open.set()

    @contextmanager
    def admitted(self, sandbox_id: str) -> Iterator[asyncio.Future[None]]:
        """Count a stream while the block runs, and give the future of the server's end. Raises ``ApiError`` 429."""
        if self._open[sandbox_id] >= self._most:
            message = f"this sandbox has {self._most} requests open already; wait until some have ended"
            raise ApiError(429, "TooManyRequests", message, headers={"Retry-After": "1"})
        farewell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._draining:
            farewell.set_result(None)
        self._open[sandbox_id] += 1
        self._farewells.add(farewell)
        self._none_open.clear()
        try:
            yield farewell
        finally:
            self._farewells.discard(farewell)
            if not self._farewells:
                self._none_open.set()
            farewell.cancel()
            self._open[sandbox_id] -= 1
            if not self._open[sandbox_id]:
                del self._open[sandbox_id]

    async def drain(self, seconds: float) -> None:
        """Tell every stream that the server ends, and wait at most so long until they have gone."""
        self._draining = True
        for farewell in self._farewells:
            if not farewell.done():
                farewell.set_result(None)
        try:
            async with asyncio.timeout(seconds):
                await self._none_open.wait()
        except TimeoutError:
            return
