"""Events as they happen, as server-sent events (the WHATWG's HTML standard, section 9.2).

The stream reads the database at its client's pace and holds at most one page of it; a commit in this process wakes it
at once, one in another within ``LOOK_SECONDS``.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from sandboxcore.server.dataplane.streams import KEY_ENDED, RESTARTING, Farewell
from sandboxcore.server.errors import NotFoundError
from sandboxcore.server.repeating import repeat
from sandboxcore.server.services import timeline
from sandboxcore.server.waiting import client_left, first_of, woken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from starlette.types import Receive, Scope, Send

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core

log = logging.getLogger("sandboxd.events")
PAGE = 500
"""Events that are read and sent at a time."""
HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 0.5
"""Between two looks for what other processes wrote."""
LAST_WORDS_SECONDS = 1.0
"""How long a client may take to receive why the stream ends."""
RETRY_MILLISECONDS = 1000
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
]
_FAREWELLS = {
    RESTARTING: ("restarting", "the server is restarting; come back with the last id"),
    KEY_ENDED: ("key_ended", "the API key was revoked or has expired"),
}


class EventStream(Response):
    """The answer that goes on until the client leaves, its key ends or the server does."""

    def __init__(self, core: Core, caller: Caller, after: int | None) -> None:
        super().__init__()
        self._core = core
        self._caller = caller
        self._after = after
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it. Raises ``ApiError`` 429 before anything is sent."""
        del scope
        workspace_id = self._caller.workspace_id
        most = self._core.settings.max_event_streams
        held = self._core.streams.held(self._caller, f"events of {workspace_id}", "this workspace's event stream", most)
        with held as farewell:
            serving = asyncio.create_task(self._serve(send))
            leaving = asyncio.create_task(client_left(receive))
            try:
                await first_of(serving, leaving, farewell)
            finally:
                left = leaving.done()
                for task in (serving, leaving):
                    task.cancel()
                await asyncio.wait({serving, leaving})
            if not serving.cancelled():
                serving.result()
            elif farewell.done() and not left:
                await self._last_words(send, farewell.result())

    async def _serve(self, send: Send) -> None:
        """Send events for ever, or until the workspace is gone. Raises ``NotFoundError`` where it is from the start."""
        database, workspace_id = self._core.database, self._caller.workspace_id
        with database.news.waiting(workspace_id) as news:
            kept = await timeline.kept(database, workspace_id)
            if kept is None:
                raise NotFoundError("workspace", workspace_id)
            position = kept.newest if self._after is None else self._after
            await self._start(send)
            # An identifier alone: a client that is cut off before the first event resumes here too.
            await _send(send, f": events\nretry: {RETRY_MILLISECONDS}\nid: {position}\n\n".encode())
            while True:
                news.clear()
                events = await timeline.read_after(database, workspace_id, position, PAGE)
                if events is None:
                    kept = await timeline.kept(database, workspace_id)
                    if kept is None:
                        await _end(send)
                        return
                    position = kept.newest
                    await _send(send, reset_frame(kept))
                elif events:
                    position = events[-1].number
                    await _send(send, event_frames(events))
                else:
                    await _quiet(send, news)

    async def _start(self, send: Send) -> None:
        self._started = True
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})

    async def _last_words(self, send: Send, farewell: Farewell) -> None:
        reason, message = _FAREWELLS.get(farewell, ("ended", farewell.message))
        body = orjson.dumps({"reason": reason, "message": message})
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                if not self._started:
                    await self._start(send)
                await _send(send, b"event: farewell\ndata: %s\n\n" % body)
                await _end(send)
        except TimeoutError:
            log.debug("a client of the event stream did not take its farewell")


async def _quiet(send: Send, news: asyncio.Event) -> None:
    """Wait for news; after a while without any, show that the stream lives."""
    if not await woken(news, HEARTBEAT_SECONDS):
        await _send(send, b": still here\n\n")


def event_frames(events: Sequence[Row[Any]]) -> bytes:
    """Events on the wire; JSON has no line ends but escaped ones."""
    return b"".join(
        b"id: %d\nevent: %s\ndata: %s\n\n"
        % (event.number, event.type.encode(), orjson.dumps(timeline.event_view(event)))
        for event in events
    )


def reset_frame(kept: timeline.Kept) -> bytes:
    """What tells a client that events it has not seen are not kept any more: it reads everything anew."""
    body = orjson.dumps({"oldest": kept.oldest, "newest": kept.newest})
    return b"id: %d\nevent: reset\ndata: %s\n\n" % (kept.newest, body)


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def keep_listening(core: Core) -> None:
    """Wake streams up for what other processes wrote; runs until cancelled."""
    look = partial(core.database.news.look, core.database)
    await repeat(look, every=LOOK_SECONDS, log=log, doing="looking for other processes' events")
