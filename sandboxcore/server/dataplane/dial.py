"""A TCP connection to a program inside a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.errors import SandboxError
from sandboxcore.server.dataplane.shim_client import ShimConnection, ShimUnreachableError
from sandboxcore.shim.wire import FrameError, Kind, decode_control

if TYPE_CHECKING:
    from types import TracebackType

    from sandboxcore.server.dataplane.target import Target

READ_AHEAD = 64 * 1024
"""Bytes of a program that are taken before they are wanted; asyncio holds up to twice as many. There may be hundreds
of connections to a sandbox."""


class DialError(SandboxError):
    """A port inside a sandbox cannot be reached; the message says why."""


class PortClosedError(DialError):
    """Nothing listens on the port."""


class StreamResetError(SandboxError):
    """The connection was lost before its end: the program reset it, or the sandbox ended."""


class DialedStream:
    """Bytes to and from a program. One task may read and another write at the same time.

    Nothing gathers here: unread bytes hold up the program, and unaccepted ones the writer. ``close`` it in any case;
    as a context manager it does that.
    """

    def __init__(self, shim: ShimConnection) -> None:
        self._shim = shim
        self._rest = memoryview(b"")
        self._reading_ended = False
        self._writing_ended = False

    async def read(self, size: int) -> bytes:
        """From 1 to ``size`` bytes; none at the program's end. Raises ``StreamResetError``."""
        while not self._rest:
            if self._reading_ended:
                return b""
            await self._receive()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    async def write(self, data: bytes | memoryview) -> None:
        """Send; returns when there is room for more. Raises ``StreamResetError`` where the program takes no more."""
        try:
            await self._shim.send_data(data)
        except ShimUnreachableError as error:
            raise StreamResetError(str(error)) from None

    async def end(self) -> None:
        """Say that nothing more is written; reading goes on. Safe to repeat. Raises ``StreamResetError``."""
        if self._writing_ended:
            return
        self._writing_ended = True
        try:
            await self._shim.send({"op": "end"})
        except ShimUnreachableError as error:
            raise StreamResetError(str(error)) from None

    def abort(self) -> None:
        """Drop the connection at once: the program sees a reset. Safe to repeat."""
        self._shim.abort()

    async def close(self) -> None:
        """Let go: in order where both sides have ended, else as ``abort`` does. Safe to repeat."""
        if self._reading_ended and self._writing_ended:
            await self._shim.close()
        else:
            self.abort()

    async def __aenter__(self) -> DialedStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _receive(self) -> None:
        """Take one frame. Raises ``StreamResetError``."""
        try:
            kind, body = await self._shim.receive()
            if kind is Kind.DATA:
                self._rest = memoryview(body)
                return
            answer = decode_control(body)
        except (ShimUnreachableError, FrameError) as error:
            raise StreamResetError(str(error)) from None
        if answer.get("type") != "end":
            raise StreamResetError(str(answer.get("error", "the connection was lost")))
        self._reading_ended = True


async def dial(target: Target, port: int) -> DialedStream:
    """Connect to ``port`` on the sandbox's loopback, within seconds. Raises ``PortClosedError`` or ``DialError``."""
    try:
        shim = await ShimConnection.open(target.shim_socket, read_ahead=READ_AHEAD, write_behind=0)
    except ShimUnreachableError as error:
        raise DialError(str(error)) from None
    try:
        await shim.send({"op": "dial", "port": port})
        answer = await shim.receive_control()
    except ShimUnreachableError as error:
        shim.abort()
        raise DialError(str(error)) from None
    except BaseException:
        shim.abort()
        raise
    if answer.get("type") == "dialed":
        return DialedStream(shim)
    shim.abort()
    kind = PortClosedError if answer.get("error_type") == "PortClosed" else DialError
    raise kind(str(answer.get("error", f"port {port} cannot be reached")))
