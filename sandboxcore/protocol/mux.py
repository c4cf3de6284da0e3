"""yamux streams that can be awaited. Whoever has the connection feeds ``Mux.receive`` and runs ``Mux.write_all``.

Receiving never waits for a stream's reader: what a stream may be sent is bounded by its window, so a slow one holds up
nobody else, and no more than its window is held for it. Sending waits for the stream's window and for the connection.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sandboxcore.errors import SandboxError
from sandboxcore.protocol import yamux

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SLICE = 32 * 1024
"""Bytes taken in before others get their turn."""
PIECE = 64 * 1024
"""Most bytes of a stream in one frame, so that streams take turns."""
HIGH_WATER = 256 * 1024
"""Bytes that may wait for the connection before writers do."""
STALLED_SECONDS = 300.0
"""How long a peer that has ended its own side may leave a full window unread. It may have left without a word:
yamux cannot tell one that will not read any more from one that reads slowly."""


class StreamLostError(SandboxError):
    """The stream was reset by the peer, or its connection is gone."""


class Mux:
    """The streams of one connection, in one event loop."""

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        *,
        client: bool,
        on_stream: Callable[[MuxStream], None] | None = None,
        max_streams: int = yamux.MAX_STREAMS,
    ) -> None:
        """``send`` returns when the connection has room again; ``on_stream`` is given each stream of the peer's."""
        self._send = send
        self._on_stream = on_stream
        self._session = yamux.Session(client=client, max_streams=max_streams)
        self._streams: dict[int, MuxStream] = {}
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self.closed = False
        """No stream can be opened any more."""

    def open(self) -> MuxStream:
        """A new stream. Raises ``StreamLostError``."""
        if self.closed:
            raise StreamLostError("the connection has ended")
        try:
            stream = self._add(self._session.open())
        except yamux.StreamStateError as error:
            raise StreamLostError(str(error)) from None
        self._wake()
        return stream

    async def receive(self, data: bytes | memoryview) -> None:
        """Take what came over the connection. Raises ``YamuxError``; then flush and close it."""
        view = memoryview(data)
        for start in range(0, len(view), SLICE):
            try:
                for event in self._session.receive(view[start : start + SLICE]):
                    self._take(event)
            finally:
                self._wake()
            if start + SLICE < len(view):
                await asyncio.sleep(0)

    async def write_all(self) -> None:
        """Send what is to be sent, until cancelled. Raises what ``send`` raises."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send all that waits."""
        while self._session.waiting:
            await self._send(self._session.take(PIECE))
            if self._session.waiting < HIGH_WATER:
                self._drained.set()

    def close(self) -> None:
        """Every stream is lost: the connection has gone."""
        self.closed = True
        self._drained.set()
        for stream in list(self._streams.values()):
            stream._lose("the connection has ended")
        self._streams.clear()

    def _take(self, event: yamux.Event) -> None:
        if isinstance(event, yamux.GoneAway):
            self.closed = True
        elif isinstance(event, yamux.Opened):
            stream = self._add(event.stream_id)
            if self._on_stream is None:
                stream.reset()
            else:
                self._on_stream(stream)
        elif not isinstance(event, yamux.Ponged) and event.stream_id in self._streams:
            self._streams[event.stream_id]._take(event)

    def _add(self, stream_id: int) -> MuxStream:
        stream = self._streams[stream_id] = MuxStream(self, self._session, stream_id)
        return stream

    def _wake(self) -> None:
        if self._session.waiting:
            self._filled.set()
        if self._session.waiting >= HIGH_WATER:
            self._drained.clear()


class MuxStream:
    """One stream. One task may read and another write at the same time."""

    def __init__(self, mux: Mux, session: yamux.Session, stream_id: int) -> None:
        self._mux = mux
        self._session = session
        self._id = stream_id
        self._unread = bytearray()
        self._lost: str | None = None
        self._ended_here = False
        self._ended_there = False
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self.gone = asyncio.Event()
        """Set when the stream is lost or reset."""
        self._over = ExitStack()

    def when_over(self, call: Callable[[], None]) -> None:
        """Have ``call`` made once, as soon as both sides have ended or the stream is lost. Not for one that is over."""
        self._over.callback(call)

    def accept(self) -> None:
        """Tell the peer that its stream is taken. Nothing on one that is gone."""
        if self._lost is None:
            self._session.accept(self._id)
            self._mux._wake()

    async def read(self, size: int) -> bytes:
        """From 1 to ``size`` bytes; none at the peer's end. Raises ``StreamLostError``."""
        while not self._unread:
            if self._lost is not None:
                raise StreamLostError(self._lost)
            if self._ended_there:
                return b""
            self._readable.clear()
            await self._readable.wait()
        piece = bytes(self._unread[:size])
        del self._unread[:size]
        if self._mux._streams.get(self._id) is self:
            self._session.consumed(self._id, len(piece))
            self._mux._wake()
        return piece

    async def read_exactly(self, size: int) -> bytes:
        """``size`` bytes. Raises ``StreamLostError``, also where the peer ends before."""
        gathered = b""
        while len(gathered) < size:
            piece = await self.read(size - len(gathered))
            if not piece:
                raise StreamLostError("the peer ended the stream too early")
            gathered += piece
        return gathered

    async def write(self, data: bytes) -> None:
        """Send; returns when all of it is on its way. Raises ``StreamLostError``."""
        view = memoryview(data)
        while view:
            room = await self._room()
            piece, view = view[:room], view[room:]
            self._session.send(self._id, piece)
            self._mux._wake()

    def end(self) -> None:
        """Say that nothing more is written; reading goes on. Safe to repeat."""
        if self._lost is None and not self._ended_here:
            self._ended_here = True
            self._session.end(self._id)
            self._forget_if_done()
            self._mux._wake()

    def reset(self) -> None:
        """Drop the stream; the peer sees that. Safe to repeat, and without effect where both have ended."""
        if self._lost is None:
            self._session.reset(self._id)
            self._mux._streams.pop(self._id, None)
            self._lose("the stream was reset here")
            self._mux._wake()

    async def _room(self) -> int:
        """How much may be sent now, at least 1 byte. Raises ``StreamLostError``."""
        while True:
            if self._lost is not None:
                raise StreamLostError(self._lost)
            if not self._mux._drained.is_set():
                await self._mux._drained.wait()
                continue
            window = min(self._session.send_window(self._id), PIECE)
            if window:
                return window
            await self._window_opens()

    async def _window_opens(self) -> None:
        """Wait for a change of the window or of the stream's state; resets a stream whose peer has left it."""
        self._writable.clear()
        try:
            async with asyncio.timeout(STALLED_SECONDS if self._ended_there else None):
                await self._writable.wait()
        except TimeoutError:
            self.reset()

    def _take(self, event: yamux.Event) -> None:
        if isinstance(event, yamux.Data):
            self._unread += event.data
            self._readable.set()
        elif isinstance(event, yamux.Ended):
            self._ended_there = True
            self._forget_if_done()
            self._readable.set()
            self._writable.set()
        elif isinstance(event, yamux.Reset):
            self._mux._streams.pop(self._id, None)
            self._lose("the peer reset the stream")
        elif isinstance(event, yamux.Room):
            self._writable.set()

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why
        self.gone.set()
        self._readable.set()
        self._writable.set()
        self._over.close()

    def _forget_if_done(self) -> None:
        if self._ended_here and self._ended_there:
            self._mux._streams.pop(self._id, None)
            self._over.close()
