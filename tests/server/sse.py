"""A reader of server-sent events by the letter of the HTML standard (9.2.6), which shares nothing with the server."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

WAIT = 10


@dataclass(frozen=True)
class Message:
    """What an ``EventSource`` would hand out."""

    type: str
    last_id: str
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def number(self) -> int:
        return int(self.last_id)


class Parser:
    """Bytes in, messages out; cut anywhere."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: int | None = None
        self.comments: list[str] = []
        self._type = ""
        self._id = ""
        self._data: list[str] = []
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Message]:
        assert b"\r" not in chunk, "this server ends lines with LF alone"
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [message for line in lines if (message := self._line(line.decode())) is not None]

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            self.comments.append(line[1:].removeprefix(" "))
            return None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._type = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)
        return None

    def _dispatch(self) -> Message | None:
        self.last_id = self._id
        kind, data = self._type or "message", self._data
        self._type, self._data = "", []
        return Message(kind, self.last_id, "\n".join(data)) if data else None


class Events:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.parser = Parser()
        self._chunks = response.aiter_bytes()
        self._ready: list[Message] = []

    async def opened(self) -> None:
        """Read the first words, which come before anything happens."""
        while not self.parser.last_id:
            self._ready += self.parser.feed(await anext(self._chunks))

    async def next(self) -> Message:
        """The next message. Raises ``StopAsyncIteration`` at the end of the stream."""
        while not self._ready:
            async with asyncio.timeout(WAIT):
                self._ready += self.parser.feed(await anext(self._chunks))
        return self._ready.pop(0)

    async def take(self, count: int) -> list[Message]:
        return [await self.next() for _ in range(count)]

    async def until(self, kind: str) -> list[Message]:
        """All messages up to the first of this type."""
        found = [await self.next()]
        while found[-1].type != kind:
            found.append(await self.next())
        return found


@asynccontextmanager
async def streaming(client: httpx.AsyncClient, last_id: str | None = None, **params: Any) -> AsyncIterator[Events]:
    """The stream of a client's workspace, its first words read."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with client.stream("GET", "/events/stream", params=params, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = Events(response)
        await events.opened()
        yield events
