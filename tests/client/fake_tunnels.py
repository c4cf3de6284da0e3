"""A server of tunnels whose ports do what a test says, in a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from sandboxcore.client._forwarding import Background
from sandboxcore.protocol.mux import Mux, StreamLostError
from sandboxcore.protocol.tunnel import OPENING
from sandboxcore.protocol.yamux import YamuxError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from websockets.asyncio.server import Server
    from websockets.http11 import Request, Response

    from sandboxcore.protocol.mux import MuxStream

_FIRST = 20_000 + os.getpid() % 500 * 20
"""Another one for each run of tests, since tunnels listen on these numbers too."""
ECHO, DIGEST, RESETS, SILENT, TALKS = range(_FIRST, _FIRST + 5)
NOT_ALLOWED, REFUSED, WRONG_VERSION, STRANGE = range(_FIRST + 10, _FIRST + 14)
STATUSES = {NOT_ALLOWED: 1, REFUSED: 2, WRONG_VERSION: 3, STRANGE: 99}
"""Ports that are answered with another status than 0."""
PATIENCE = 20


class FakeTunnels:
    """``refusals`` are the HTTP answers that the next upgrades get instead of a tunnel."""

    def __init__(self) -> None:
        self.upgrades: list[Request] = []
        self.refusals: list[tuple[int, str]] = []
        self.garbage = False
        self._sockets: set[ServerConnection] = set()
        self._background = Background("fake-tunnels")
        self._server = self._run(self._start())
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def dataplane_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/boxes/1/dataplane"

    def drop(self) -> None:
        """Cut every connection without a word."""
        self._run(self._abort())

    def stop(self) -> None:
        self._run(self._stop())
        self._background.stop()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._background.submit(work).result(PATIENCE)

    async def _start(self) -> Server:
        return await serve(self._serve, "127.0.0.1", 0, process_request=self._admit, close_timeout=1)

    async def _stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _abort(self) -> None:
        for websocket in list(self._sockets):
            websocket.transport.abort()
            await websocket.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.upgrades.append(request)
        if not self.refusals:
            return None
        status, body = self.refusals.pop(0)
        return connection.respond(HTTPStatus(status), body)

    async def _serve(self, websocket: ServerConnection) -> None:
        tasks: set[asyncio.Task[None]] = set()
        mux = Mux(
            websocket.send, client=False, on_stream=lambda stream: tasks.add(asyncio.create_task(self._answer(stream)))
        )
        writing = asyncio.create_task(mux.write_all())
        self._sockets.add(websocket)
        try:
            async for message in websocket:
                assert isinstance(message, bytes)
                if self.garbage:
                    await websocket.send(b"\xff" * 12)
                await mux.receive(message)
        except (ConnectionClosed, YamuxError):
            pass
        finally:
            self._sockets.discard(websocket)
            mux.close()
            writing.cancel()
            await asyncio.gather(writing, *tasks, return_exceptions=True)

    async def _answer(self, stream: MuxStream) -> None:
        stream.accept()
        try:
            _, port = OPENING.unpack(await stream.read_exactly(OPENING.size))
            if port == SILENT:
                await stream.gone.wait()
            await stream.write(bytes([STATUSES.get(port, 0)]))
            await self._behave(stream, port)
        except StreamLostError:
            return

    async def _behave(self, stream: MuxStream, port: int) -> None:
        whole = hashlib.sha256()
        if port == RESETS:
            await stream.write(b"last words")
            await stream.read(1)
            stream.reset()
        elif port == TALKS:
            await stream.write(b"all I have to say")
            stream.end()
        while data := await stream.read(1 << 16):
            whole.update(data)
            if port == ECHO:
                await stream.write(data)
        if port == DIGEST:
            await stream.write(whole.hexdigest().encode())
        stream.end()
