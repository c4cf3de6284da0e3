"""The socket by which a page hears of what happens in its team."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.live.hub import HUB
from dashboard.sockets import PING_SECONDS, RECHECK_SECONDS, CloseCode, Closing, first_of, member_of

if TYPE_CHECKING:
    from dashboard.live.feed import Listener, Message
    from dashboard.teams.access import Access

logger = logging.getLogger(__name__)
VIEW = "team.view"
MAX_PLACE = 64
PAUSE = 0.25
"""Seconds after what was told until more is; pages ask no sooner for what has changed."""
MOST_AT_ONCE = 8


async def admit(scope: dict[str, Any]) -> Access:
    """Who asks, looked up afresh. Raises ``Closing``."""
    return await member_of(scope, VIEW, "You may not see this team.")


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Authorise, join the team's feed, pass its messages on. The page has nothing to say."""

    action = VIEW

    async def connect(self) -> None:
        """Accept first, so that a refusal can say why."""
        await self.accept()
        self._serving = asyncio.create_task(self._serve())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Close the socket of a page that talks."""
        self._serving.cancel()
        await self.close(CloseCode.BAD_MESSAGE, "Nothing is expected from the page.")

    async def disconnect(self, code: int) -> None:
        """Leave the feed."""
        self._serving.cancel()
        await asyncio.wait({self._serving})

    async def _serve(self) -> None:
        closing = Closing(CloseCode.UNREACHABLE, "The console failed; its log says why.")
        try:
            await self._run()
        except Closing as why:
            closing = why
        except Exception:  # the last resort of a task that nobody awaits: the page must not be left hanging
            logger.exception("live socket failed")
        await self.close(closing.code, closing.reason)

    async def _run(self) -> None:
        access = await admit(self.scope)
        asked = parse_qs(self.scope["query_string"].decode("latin-1")[:512])
        with HUB.listening(access.team, asked.get("after", [""])[0][:MAX_PLACE]) as listener:
            await self._say({"type": "ready"})
            await first_of(self._pass_on(listener), self._keep_alive(), self._recheck())

    async def _pass_on(self, listener: Listener) -> NoReturn:
        while True:
            for message in _worth_telling(await listener.get()):
                await self._say(message)
            # In a storm the next ones gather meanwhile: hundreds of pages that hear of each would keep out everybody.
            await asyncio.sleep(PAUSE)

    async def _keep_alive(self) -> NoReturn:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._say({"type": "ping"})

    async def _recheck(self) -> NoReturn:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await admit(self.scope)

    async def _say(self, message: Message) -> None:
        await self.send(text_data=json.dumps(message, separators=(",", ":")))


def _worth_telling(messages: list[Message]) -> list[Message]:
    """Each thing's newest message of each kind of event; where those are many, each kind of thing's newest one."""
    newest = {(each["type"], each.get("id"), each.get("event")): each for each in messages}
    if len(newest) > MOST_AT_ONCE:
        newest = {(each["type"], each.get("kind"), ""): each for each in messages}
    return list(newest.values())
