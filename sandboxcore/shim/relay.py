"""Bytes carried unchanged between a client's connection and a file helper's socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

PIECE = 256 * 1024


async def relay(client: socket.socket, helper: socket.socket, unread: bytes) -> None:
    """Carry both ways, each at the receiver's pace, until either side ends; ``unread`` goes to the helper first.

    When the helper ends, all that it sent reaches the client. When the client ends, the helper sees the end at once.
    """
    loop = asyncio.get_running_loop()
    up = loop.create_task(_carry(client, helper, unread))
    down = loop.create_task(_carry(helper, client, b""))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and up.result() == "receiver":
            await down  # the helper has stopped listening, so its last words are on their way
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _carry(source: socket.socket, sink: socket.socket, first: bytes) -> str:
    """Carry ``first``, then what comes, until one side is gone; which one that was."""
    loop = asyncio.get_running_loop()
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    try:
        await loop.sock_sendall(sink, first)
    except OSError:
        return "receiver"
    while True:
        try:
            size = await loop.sock_recv_into(source, buffer)
        except OSError:
            return "source"
        if not size:
            return "source"
        try:
            await loop.sock_sendall(sink, view[:size])
        except OSError:
            return "receiver"
