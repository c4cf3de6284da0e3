"""The feeds of this process: one a team that somebody looks at, none for the others."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dashboard.live.feed import Feed
from dashboard.sockets import CloseCode, Closing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.live.feed import Listener, Message
    from dashboard.teams.models import Team

LINGER = 60.0
"""Seconds that a feed stays after its last page: whoever goes from page to page comes back within them."""
MAX_FEEDS = 256
MAX_LISTENERS = 500
"""Pages of one team."""


class Hub:
    """Every feed of this process. Its methods are called on the event loop, but for ``tell_from_thread``."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[int, str, str], Feed] = {}
        self._left: dict[tuple[int, str, str], float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def place(self, slug: str) -> str:
        """Where the messages of a team are now; empty while nobody follows it."""
        return next((feed.place for feed in self._feeds.values() if feed.slug == slug), "")

    @contextmanager
    def listening(self, team: Team, place: str) -> Iterator[Listener]:
        """Hear of a team's messages after ``place``. Raises ``Closing`` where too many do."""
        key = (team.pk, team.api_endpoint, team.api_key)
        feed = self._feed(key, team)
        if feed.listeners >= MAX_LISTENERS:
            raise Closing(CloseCode.UNREACHABLE, "Too many pages of this team are open.")
        self._left.pop(key, None)
        listener = feed.join(place)
        try:
            yield listener
        finally:
            feed.leave(listener)
            if not feed.listeners:
                self._left[key] = time.monotonic()
                asyncio.get_running_loop().call_later(LINGER, self._tidy)

    def tell(self, team_id: int, message: Message) -> None:
        """Give a message to the pages of a team."""
        for key, feed in self._feeds.items():
            if key[0] == team_id:
                feed.tell(message)

    def tell_from_thread(self, team_id: int, message: Message) -> None:
        """The same from a thread that writes to the database."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.tell, team_id, message)

    async def close(self) -> None:
        """End every feed. Called when the server that runs the console stops."""
        feeds = list(self._feeds.values())
        self._feeds.clear()
        self._left.clear()
        for feed in feeds:
            await feed.close()

    def _feed(self, key: tuple[int, str, str], team: Team) -> Feed:
        self._loop = asyncio.get_running_loop()
        if key not in self._feeds:
            if len(self._feeds) >= MAX_FEEDS:
                raise Closing(CloseCode.UNREACHABLE, "Too many teams are looked at.")
            self._feeds[key] = Feed(team)
        return self._feeds[key]

    def _tidy(self) -> None:
        """End the feeds that nobody has come back to."""
        now = time.monotonic()
        for key in [key for key, left in self._left.items() if now - left >= LINGER]:
            del self._left[key]
            feed = self._feeds.pop(key, None)
            if feed is not None:
                feed.cancel()


HUB = Hub()
