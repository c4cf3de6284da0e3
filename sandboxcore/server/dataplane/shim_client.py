"""Speaking ``sandboxcore.shim.wire`` to a sandbox's shim."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError
from sandboxcore.shim.wire import HEADER, MAX_BODY, Kind, decode_control, decode_header, encode, encode_control

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONNECT_SECONDS = 5.0
DATA_CHUNK = 256 * 1024
READ_AHEAD = 256 * 1024
"""Bytes taken from a shim before they are wanted; asyncio holds up to twice as many."""


class ShimUnreachableError(SandboxError):
    """The shim does not answer, or its connection ended in the middle: the sandbox has most likely ended."""


class ShimConnection:
    """One request to a shim."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: str, *, read_ahead: int = READ_AHEAD, write_behind: int | None = None) -> ShimConnection:
        """Connect to the socket at ``path``; ``write_behind`` bytes may wait to be sent.

        Raises ``ShimUnreachableError``.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(path, limit=read_ahead)
            writer.transport.set_write_buffer_limits(high=write_behind)
        except (OSError, TimeoutError) as error:
            raise ShimUnreachableError(f"the sandbox cannot be reached: {str(error) or 'no answer'}") from None
        return cls(reader, writer)

    async def send(self, message: dict[str, Any]) -> None:
        """Send a CONTROL frame. Raises ``ShimUnreachableError``, or ``ValueError`` where it fits no frame."""
        frame = encode_control(message)
        if len(frame) - HEADER.size > MAX_BODY:
            raise ValueError(f"the request is larger than {MAX_BODY} bytes")
        await self._write(frame)

    async def send_data(self, data: bytes | memoryview) -> None:
        """Send DATA frames; returns when the shim has taken most of them. Raises ``ShimUnreachableError``."""
        view = memoryview(data)
        for start in range(0, len(view), DATA_CHUNK):
            await self._write(encode(Kind.DATA, view[start : start + DATA_CHUNK]))

    async def _write(self, frame: bytes) -> None:
        try:
            self._writer.write(frame)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:  # uvloop raises RuntimeError on a closed transport
            raise ShimUnreachableError(f"the sandbox cannot be reached any more: {error}") from None

    async def receive(self) -> tuple[Kind, bytes]:
        """The next frame. Raises ``ShimUnreachableError`` when the shim ends the connection."""
        try:
            length, kind = decode_header(await self._reader.readexactly(HEADER.size))
            return kind, await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            raise ShimUnreachableError("the sandbox ended, or its shim closed the connection") from None

    async def receive_control(self) -> dict[str, Any]:
        """The next frame, which must be CONTROL. Raises ``ShimUnreachableError``."""
        kind, body = await self.receive()
        if kind is not Kind.CONTROL:
            raise ShimUnreachableError(f"the shim sent {kind.name} where a message was due")
        return decode_control(body)

    def abort(self) -> None:
        """Cut the connection without a word, as a client that vanished would."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection after what was written has been sent, waiting for a moment at most."""
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()


@asynccontextmanager
async def connected(path: str) -> AsyncIterator[ShimConnection]:
    """A connection that is closed at the end of the block. Raises ``ShimUnreachableError``."""
    connection = await ShimConnection.open(path)
    try:
        yield connection
    finally:
        await connection.close()


def listens(path: str) -> bool:
    """Whether a shim listens at ``path``. Takes microseconds: the kernel answers, nobody is waited for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except BlockingIOError:
            return True  # it listens, and others wait to be let in
        except OSError:
            return False
    return True


async def list_commands(path: str) -> list[dict[str, Any]]:
    """Every session that the shim holds. Raises ``ShimUnreachableError``."""
    commands: list[dict[str, Any]] = []
    async with connected(path) as connection:
        await connection.send({"op": "commands"})
        while True:
            answer = await connection.receive_control()
            commands += answer.get("commands", [])
            if not answer.get("more"):
                return commands


async def order(path: str, message: dict[str, Any]) -> None:
    """Give an order (``kill`` or ``signal``, with its ``command_id``) on a connection of its own.

    There it passes input that waits. Raises ``ShimUnreachableError``. A command that has ended by now is no error.
    """
    async with connected(path) as connection:
        await connection.send(message)
        await connection.receive_control()
