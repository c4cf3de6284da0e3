"""One team's messages: what its sandbox server and this console tell, kept for a while for pages that come late."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any

from dashboard.teams import api
from sandboxcore import SandboxClientError

if TYPE_CHECKING:
    from dashboard.teams.models import Team
    from sandboxcore import AsyncSandboxClient
    from sandboxcore.reports import Event

logger = logging.getLogger(__name__)

Message = dict[str, Any]
KEPT = 500
"""Messages remembered for pages that were drawn before and connect after."""
WAITING = 256
"""Messages kept for one page that does not read; after more it is told to ask for everything again."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LOST: Message = {"type": "lost"}
BACK: Message = {"type": "back"}


class Listener:
    """One page's queue."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._some = asyncio.Event()

    def put(self, message: Message) -> None:
        """Leave a message; never waits."""
        if len(self._waiting) >= WAITING:
            self._waiting.clear()
            message = BACK
        self._waiting.append(message)
        self._some.set()

    async def get(self) -> list[Message]:
        """All that is waiting, when there is something."""
        await self._some.wait()
        self._some.clear()
        found = list(self._waiting)
        self._waiting.clear()
        return found


class Feed:
    """The messages of one team. Its stream stays until ``close``; all that it keeps is bounded."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self.slug = team.slug
        self._listeners: set[Listener] = set()
        self._recent: deque[Message] = deque(maxlen=KEPT)
        self._told = 0
        self._era = ""
        """Names the time in which nothing was missed; empty while the stream is lost."""
        self._task = asyncio.create_task(self._follow())

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    @property
    def place(self) -> str:
        """Where the messages are now. A page is drawn with it, and says it when it connects."""
        return f"{self._era}.{self._told}" if self._era else ""

    def join(self, place: str) -> Listener:
        """A new listener, who is given what came after ``place``; who may have missed something is told to ask."""
        listener = Listener()
        for message in self._missed(place):
            listener.put(message)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)

    def tell(self, message: Message) -> None:
        """Give a message to every page."""
        self._told += 1
        self._recent.append(message)
        for listener in self._listeners:
            listener.put(message)

    def cancel(self) -> None:
        """Begin to end the stream."""
        self._task.cancel()

    async def close(self) -> None:
        """End the stream."""
        self._task.cancel()
        await asyncio.wait({self._task})

    def _missed(self, place: str) -> list[Message]:
        if not self._era:
            return [LOST]  # the stream's return will be told
        era, _, number = place.rpartition(".")
        if era != self._era or not number.isdecimal():
            return [BACK]
        missed = self._told - int(number)
        if not 0 <= missed <= len(self._recent):
            return [BACK]
        return list(self._recent)[len(self._recent) - missed :]

    async def _follow(self) -> None:
        pause = FIRST_PAUSE
        while True:
            client = api.make_client(self._team, "console")
            try:
                async with client:
                    await self._stream(client)
            except SandboxClientError as error:
                logger.info("the events of %s cannot be followed: %s", self._team.slug, error)
            pause = FIRST_PAUSE if self._era else min(2 * pause, LONGEST_PAUSE)
            if self._era:
                self._era = ""
                self.tell(LOST)
            await asyncio.sleep(pause)

    async def _stream(self, client: AsyncSandboxClient) -> None:
        # Asked first, so that it is known from where on nothing is missed.
        newest = (await client.list_events(limit=1, newest_first=True)).newest
        async with client.events(after=newest or 0) as events:
            self._era = secrets.token_hex(8)
            self._recent.clear()
            for listener in self._listeners:
                listener.put(BACK)
            async for event in events:
                self.tell(BACK if event.is_reset else _message(event))


def _message(event: Event) -> Message:
    return {
        "type": "event",
        "kind": event.subject_kind,
        "id": event.subject_id,
        "name": event.subject_name,
        "event": event.type,
    }
