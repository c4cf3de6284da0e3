"""How much output may be on its way to one page."""

from __future__ import annotations

import asyncio


class OutputWindow:
    """Counts output sent against output that the page has drawn, and makes the sender wait when it is full."""

    def __init__(self, start: int, limit: int) -> None:
        self.sent = start
        self.taken = start
        self._limit = limit
        self._hurried = False
        self._room = asyncio.Event()
        self._room.set()

    def send(self, end: int) -> None:
        """Note that output up to ``end`` was sent."""
        self.sent = max(self.sent, end)
        self._update()

    def take(self, offset: int) -> None:
        """Note that the page has drawn all before ``offset``. What it cannot have seen is not believed."""
        self.taken = max(self.taken, min(offset, self.sent))
        self._update()

    def skip(self, to: int) -> None:
        """Note a gap: output up to ``to`` will not be sent, so it is not on its way."""
        gap = max(0, to - self.sent)
        self.sent += gap
        self.taken += gap
        self._update()

    def hurry(self, on: bool) -> None:
        """Make no sender wait while what comes is not sent on."""
        self._hurried = on
        self._update()

    async def room(self) -> None:
        """Return when more may be sent."""
        await self._room.wait()

    def _update(self) -> None:
        if self._hurried or self.sent - self.taken < self._limit:
            self._room.set()
        else:
            self._room.clear()
