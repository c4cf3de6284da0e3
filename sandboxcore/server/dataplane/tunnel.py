"""``WS /tunnel``: TCP connections to ports inside a sandbox, as yamux streams over binary messages.

A stream begins with the client's 3 bytes, a version and a port, and is answered with 1 byte of ``Status``; then bytes
flow both ways at the receiver's pace: a stream holds at most its window here in one direction, and one piece in the
other. Every stream counts as a request to the sandbox, and so does the tunnel itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from sandboxcore.protocol.mux import Mux, StreamLostError
from sandboxcore.protocol.tunnel import OPENING, VERSION, Status
from sandboxcore.protocol.yamux import YamuxError
from sandboxcore.server.dataplane.closing import CLOSE_SECONDS, close
from sandboxcore.server.dataplane.dial import DialError, StreamResetError, dial
from sandboxcore.server.dataplane.shim_client import ShimConnection, ShimUnreachableError
from sandboxcore.server.errors import ApiError, UnreachableError
from sandboxcore.server.waiting import first_of

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from sandboxcore.protocol.mux import MuxStream
    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.dial import DialedStream
    from sandboxcore.server.dataplane.target import Target

log = logging.getLogger("sandboxd.tunnel")
OPENING_SECONDS = 10.0
"""How long a stream may be open before it says which port it is for."""
LAST_SECONDS = 5.0
"""How long the last words of a program that takes no more may need to reach the client."""
PIECE = 64 * 1024
NORMAL, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1002, 1003


async def tunnel(core: Core, target: Target, websocket: WebSocket) -> None:
    """Serve one socket, not yet accepted, to its end.

    Raises ``UnreachableError``, or ``ApiError`` 429, before accepting it.
    """
    with core.streams.admitted(target) as farewell:
        life = await _watch(target)
        try:
            await websocket.accept()
            serving = asyncio.create_task(_Tunnel(core, target, websocket).serve())
            dying = asyncio.create_task(_ended(life))
            await first_of(serving, farewell, dying)
            code, reason = NORMAL, "the sandbox has ended"
            if farewell.done():
                code, reason = farewell.result().code, farewell.result().message
            elif serving.done():
                code, reason = serving.result()
            for task in (serving, dying):
                task.cancel()
            await asyncio.wait({serving, dying})
        finally:
            life.abort()
        await close(websocket, code, reason)


class _Tunnel:
    """One client's streams."""

    def __init__(self, core: Core, target: Target, websocket: WebSocket) -> None:
        self._core = core
        self._target = target
        self._websocket = websocket
        self._mux = Mux(websocket.send_bytes, client=False, on_stream=self._begin)
        self._tasks: set[asyncio.Task[None]] = set()
        self._carried: Counter[int] = Counter()
        """Bytes of both directions by the ports that were reached."""

    async def serve(self) -> tuple[int, str]:
        """Until the client leaves or breaks the protocol; the code and reason to close with."""
        writing = asyncio.create_task(self._mux.write_all())
        reading = asyncio.create_task(self._read())
        try:
            await first_of(writing, reading)
            return reading.result() if reading.done() else (NORMAL, "")
        finally:
            writing.cancel()
            reading.cancel()
            self._mux.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(writing, reading, *self._tasks, return_exceptions=True)
            for port, size in self._carried.items():
                self._core.accesses.note(self._target, "tunnel.closed", size=size, ports=port)

    async def _read(self) -> tuple[int, str]:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return NORMAL, ""
            data = message.get("bytes")
            if data is None:
                return UNSUPPORTED, "messages of a tunnel are binary"
            try:
                await self._mux.receive(data)
            except YamuxError as error:
                await self._last_words()
                return PROTOCOL_ERROR, str(error)[:100]

    async def _last_words(self) -> None:
        """Send the frame that says what was wrong, to a client that listens."""
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._mux.flush()

    def _begin(self, stream: MuxStream) -> None:
        held = ExitStack()
        try:
            held.enter_context(self._core.streams.admitted(self._target))
        except ApiError:
            stream.reset()
            return
        # Not when the task below has ended: the client may count on the place as soon as it sees the end.
        stream.when_over(held.close)
        stream.accept()
        task = asyncio.create_task(self._serve_stream(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_stream(self, stream: MuxStream) -> None:
        """One connection, from its opening bytes to its end."""
        try:
            opened = await self._open(stream)
            if opened is not None:
                await self._converse(stream, *opened)
        except (StreamLostError, TimeoutError) as error:
            log.debug("a stream to '%s' ended early: %s", self._target.name, error)
        finally:
            stream.reset()  # without effect where both sides have ended

    async def _open(self, stream: MuxStream) -> tuple[DialedStream, int] | None:
        """The connection that the stream asks for, and its port; None where the answer was no.

        Raises ``StreamLostError``.
        """
        async with asyncio.timeout(OPENING_SECONDS):
            version, port = OPENING.unpack(await stream.read_exactly(OPENING.size))
        dialed = None
        if version != VERSION:
            status = Status.UNSUPPORTED_VERSION
        elif not port:
            status = Status.PORT_NOT_ALLOWED
        else:
            try:
                dialed = await dial(self._target, port)
                status = Status.OK
                self._reached(port)
            except DialError as error:
                log.debug("port %d of '%s': %s", port, self._target.name, error)
                status = Status.DIAL_FAILED
        try:
            await stream.write(bytes([status]))
        except BaseException:
            if dialed is not None:
                dialed.abort()
            raise
        if dialed is None:
            await _farewell(stream)
            return None
        return dialed, port

    def _reached(self, port: int) -> None:
        """Take note of a tunnel's first connection to a port."""
        if port not in self._carried:
            self._carried[port] = 0
            self._core.accesses.note(self._target, "tunnel.opened", ports=port)

    async def _converse(self, stream: MuxStream, dialed: DialedStream, port: int) -> None:
        up = asyncio.create_task(self._carry_up(stream, dialed, port))
        down = asyncio.create_task(self._carry_down(stream, dialed, port))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_EXCEPTION)
            if not down.done() and isinstance(up.exception(), StreamResetError):
                await first_of(down, within=LAST_SECONDS)
        finally:
            up.cancel()
            down.cancel()
            results = await asyncio.gather(up, down, return_exceptions=True)
            await dialed.close()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, StreamLostError | StreamResetError):
                raise result

    async def _carry_up(self, stream: MuxStream, dialed: DialedStream, port: int) -> None:
        """Raises ``StreamLostError`` or ``StreamResetError``."""
        while data := await stream.read(PIECE):
            self._core.activity.touch(self._target.sandbox_id)
            self._carried[port] += len(data)
            await dialed.write(data)
        await dialed.end()

    async def _carry_down(self, stream: MuxStream, dialed: DialedStream, port: int) -> None:
        """Raises ``StreamLostError`` or ``StreamResetError``."""
        while data := await dialed.read(PIECE):
            self._core.activity.touch(self._target.sandbox_id)
            self._carried[port] += len(data)
            await stream.write(data)
        stream.end()


async def _farewell(stream: MuxStream) -> None:
    """End a stream that was refused, in order if the client does too."""
    stream.end()
    async with asyncio.timeout(OPENING_SECONDS):
        while await stream.read(PIECE):
            pass


async def _watch(target: Target) -> ShimConnection:
    """A connection that lasts as long as the sandbox. Raises ``UnreachableError``."""
    life = None
    try:
        life = await ShimConnection.open(target.shim_socket)
        await life.send({"op": "watch"})
        await life.receive_control()
    except ShimUnreachableError as error:
        if life is not None:
            life.abort()
        raise UnreachableError(str(error)) from None
    return life


async def _ended(life: ShimConnection) -> None:
    """Return when the sandbox has ended."""
    with suppress(ShimUnreachableError):
        await life.receive()
