"""Calling the application itself: sockets and streams, whose first answer is all that a test wants to see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from fastapi import FastAPI

WAIT = 20


@dataclass
class Answer:
    """An answer's status (101 for a socket that was accepted) and the beginning of its body."""

    status: int = 0
    body: bytes = b""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        return self.body.decode()

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """One message of the application's."""
        kind = message["type"]
        if kind.endswith("response.start"):
            self.status = message["status"]
        elif kind.endswith("response.body"):
            self.body += message.get("body", b"")
            self.arrived.set()
        elif kind in ("websocket.accept", "websocket.close"):
            self.status = self.status or (101 if kind == "websocket.accept" else 403)
            self.arrived.set()


async def first_answer(app: FastAPI, path: str, *, key: str | None, websocket: bool) -> Answer:
    """What the application first says to a socket's opening, or to a GET whose answer may have no end; then leave."""
    answer = Answer()
    asked = False
    plain, _, query = path.partition("?")

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "websocket.connect"} if websocket else {"type": "http.request", "body": b""}
        async with asyncio.timeout(WAIT):
            await answer.arrived.wait()
        return {"type": "websocket.disconnect", "code": 1000} if websocket else {"type": "http.disconnect"}

    scope: dict[str, Any] = {
        "type": "websocket" if websocket else "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if websocket else "http",
        "method": "GET",
        "path": plain,
        "raw_path": quote(plain).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"test"), *([(b"x-api-key", key.encode())] if key else [])],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    async with asyncio.timeout(WAIT):
        await app(scope, receive, answer.take)
    return answer
