"""One dialed TCP connection: a caller's frames to a program in the sandbox, and the program's bytes to the caller.

Each direction is held back by its receiver and holds one piece. A side that ends its direction ends that one alone;
the connection is over when both have ended, or one of the two was lost:

- The caller vanished: the program's connection is reset, so that it can tell this from an end.
- The program's connection was reset: the caller gets ``ConnectionReset`` after all that the program had sent before.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import Enum, auto
from typing import TYPE_CHECKING

from sandboxcore.shim.link import writable
from sandboxcore.shim.requests import RefusedError
from sandboxcore.shim.wire import HEADER, FrameError, Kind, decode_control, encode_control

if TYPE_CHECKING:
    from sandboxcore.shim.limits import Limits
    from sandboxcore.shim.link import Link

PIECE = 64 * 1024
"""Bytes of one direction that are held at most: there may be hundreds of connections."""
_LOOK_SECONDS = 1.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _Up(Enum):
    """How the caller's direction came to its end."""

    ENDED = auto()
    DEAF = auto()
    """The program takes no more."""
    LEFT = auto()
    """The caller vanished."""


class _Down(Enum):
    """How the program's direction came to its end."""

    ENDED = auto()
    RESET = auto()
    LEFT = auto()
    """The caller vanished."""


class Conversation:
    """Carries bytes both ways between a link and a connected socket, which it closes."""

    def __init__(self, link: Link, program: socket.socket, limits: Limits) -> None:
        self._link = link
        link.piece = PIECE
        self._program = program
        self._limits = limits
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Return when it is over. Raises ``FrameError`` for a caller that breaks the protocol."""
        up = self._loop.create_task(self._carry_up())
        down = self._loop.create_task(self._carry_down())
        in_order = False
        try:
            in_order = await self._until_over(up, down)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._close_program(reset=not in_order)
        if not down.cancelled() and down.result() is not _Down.LEFT:
            await self._link.farewell(self._limits.farewell_seconds)

    async def _until_over(self, up: asyncio.Task[_Up], down: asyncio.Task[_Down]) -> bool:
        """Whether both sides have ended in order. Raises ``FrameError``."""
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if not down.done():
            if up.result() is _Up.LEFT:
                return False
            if up.result() is _Up.ENDED and not await self._stays_until(down):
                return False
        if await down is not _Down.ENDED:
            return False
        return await up is not _Up.LEFT

    async def _carry_up(self) -> _Up:
        """Bytes of the caller to the program. Raises ``FrameError``."""
        while (frame := await self._link.receive()) is not None:
            kind, body = frame
            try:
                if kind is not Kind.DATA:
                    _check_end(kind, body)
                    self._program.shutdown(socket.SHUT_WR)
                    return _Up.ENDED
                if not await self._send(body):
                    return _Up.LEFT
            except OSError:
                return _Up.DEAF
        return _Up.LEFT

    async def _send(self, data: bytes) -> bool:
        """Give all of it to the program; False when the caller vanished meanwhile. Raises ``OSError``."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._program.send(view) :]
            except BlockingIOError:
                if not await writable(self._program, _LOOK_SECONDS) and self._link.peer_is_gone():
                    return False
        return True

    async def _carry_down(self) -> _Down:
        """Bytes of the program to the caller."""
        buffer = bytearray(PIECE)
        view = memoryview(buffer)
        try:
            while size := await self._receive(buffer):
                await self._link.send([HEADER.pack(size, Kind.DATA), view[:size]])
            if size is None:
                lost = RefusedError("the program reset the connection", kind="ConnectionReset")
                await self._link.send([encode_control(lost.message())])
                return _Down.RESET
            await self._link.send([encode_control({"type": "end"})])
        except OSError:
            return _Down.LEFT
        return _Down.ENDED

    async def _receive(self, buffer: bytearray) -> int | None:
        """How many bytes came: 0 at the end, None when the connection was reset."""
        try:
            return await self._loop.sock_recv_into(self._program, buffer)
        except OSError:
            return None

    async def _stays_until(self, down: asyncio.Task[_Down]) -> bool:
        """Wait for the program's end with a caller that has said its own; False when it left before.

        Raises ``FrameError``.
        """
        leaving = self._loop.create_task(self._link.receive())
        try:
            await asyncio.wait({leaving, down}, return_when=asyncio.FIRST_COMPLETED)
            if down.done():
                return True
            if leaving.result() is not None:
                raise FrameError("nothing may follow the end")
            return False
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    def _close_program(self, *, reset: bool) -> None:
        if reset:
            self._program.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._program.close()


def _check_end(kind: Kind, body: bytes) -> None:
    """Raises ``FrameError`` for what is not the caller's end."""
    if kind is not Kind.CONTROL or decode_control(body).get("op") != "end":
        raise FrameError("only data and end may be sent to a port")
