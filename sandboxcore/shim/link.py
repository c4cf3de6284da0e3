"""One peer's socket: frames in, buffers out, each held back by the other side's pace."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from typing import TYPE_CHECKING

from sandboxcore.shim.wire import FrameReader, Kind, encode

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

PIECE = 256 * 1024
MOST_BUFFERS = 64
"""Buffers given to the kernel at once; far below its IOV_MAX."""


class Link:
    """Owns a non-blocking socket and closes it. One task may receive and another send at the same time.

    There is no queue for output: ``send`` returns when the kernel has taken everything, so a peer that never
    reads costs its socket's buffer and one batch.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        self._frames: deque[tuple[Kind, bytes]] = deque()
        self.piece = PIECE
        """Bytes that are received at once."""

    async def receive(self) -> tuple[Kind, bytes] | None:
        """The next frame, or None when the peer has gone. Raises ``FrameError``."""
        while not self._frames:
            try:
                data = await self._loop.sock_recv(self._socket, self.piece)
            except (ConnectionResetError, BrokenPipeError):
                return None
            if not data:
                return None
            self._frames.extend(self._reader.feed(data))
        return self._frames.popleft()

    def unread(self) -> bytes:
        """What was received and not given as a frame, as it came."""
        frames = b"".join(encode(kind, body) for kind, body in self._frames)
        self._frames.clear()
        return frames + self._reader.rest

    async def send(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Send all of ``buffers``. Raises ``OSError`` when the peer has gone."""
        views = [memoryview(buffer) for buffer in buffers]
        first = 0
        while first < len(views):
            try:
                sent = self._socket.sendmsg(views[first : first + MOST_BUFFERS])
            except BlockingIOError:
                await writable(self._socket)
                continue
            while first < len(views) and sent >= len(views[first]):
                sent -= len(views[first])
                first += 1
            if sent:
                views[first] = views[first][sent:]

    def peer_is_gone(self) -> bool:
        """Whether the peer has closed, even though not all that it sent has been read."""
        poll = select.poll()
        poll.register(self._socket, 0)
        return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))

    async def farewell(self, seconds: float) -> None:
        """Say that nothing more comes, and read what the peer still sends until it closes too.

        Closing at once would reset the connection under what the peer has not read yet.
        """
        try:
            self._socket.shutdown(1)
            async with asyncio.timeout(seconds):
                while await self._loop.sock_recv(self._socket, PIECE):
                    pass
        except (OSError, TimeoutError):
            return

    @property
    def socket(self) -> socket.socket:
        """The socket itself, for a relay of raw bytes."""
        return self._socket

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


async def writable(sock: socket.socket, seconds: float | None = None) -> bool:
    """Wait until the socket takes more, or has an error to tell; False when that took longer than ``seconds``."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(sock, ready.set)
    try:
        async with asyncio.timeout(seconds):
            await ready.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_writer(sock)
    return True
