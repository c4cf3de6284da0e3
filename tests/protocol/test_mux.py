"""Streams that can be awaited: paced by their readers, ended and lost as yamux says."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sandboxcore.protocol import mux as mux_module
from sandboxcore.protocol.mux import HIGH_WATER, PIECE, Mux, MuxStream, StreamLostError
from sandboxcore.protocol.yamux import HEADER, WINDOW, Flag, FrameType, YamuxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Joined:
    """A client and a server whose connection can be held still."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[MuxStream] = asyncio.Queue()
        self.client = Mux(self._to_server, client=True)
        self.server = Mux(self._to_client, client=False, on_stream=self._begin)
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.carried = 0

    async def _to_server(self, data: bytes) -> None:
        await self.flowing.wait()
        self.carried += len(data)
        await self.server.receive(data)

    async def _to_client(self, data: bytes) -> None:
        await self.flowing.wait()
        await self.client.receive(data)

    def _begin(self, stream: MuxStream) -> None:
        stream.accept()
        self.opened.put_nowait(stream)

    async def stream(self) -> tuple[MuxStream, MuxStream]:
        """A stream's two ends."""
        return self.client.open(), await self.opened.get()


@asynccontextmanager
async def joined() -> AsyncIterator[Joined]:
    both = Joined()
    writers = [asyncio.create_task(end.write_all()) for end in (both.client, both.server)]
    try:
        async with asyncio.timeout(20):
            yield both
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


async def read_all(stream: MuxStream) -> bytes:
    gathered = bytearray()
    while piece := await stream.read(PIECE):
        gathered += piece
    return bytes(gathered)


async def test_it_works() -> None:
    async with joined() as both:
        ours, theirs = await both.stream()
        await ours.write(b"question")
        ours.end()
        assert await read_all(theirs) == b"question"
        await theirs.write(b"answer")
        theirs.end()
        assert await read_all(ours) == b"answer"


async def test_much_both_ways() -> None:
    async with joined() as both:
        ours, theirs = await both.stream()
        contents = [os.urandom(3 << 20), os.urandom(2 << 20)]

        async def write(stream: MuxStream, content: bytes) -> None:
            await stream.write(content)
            stream.end()

        results = await asyncio.gather(
            write(ours, contents[0]), write(theirs, contents[1]), read_all(theirs), read_all(ours)
        )
        assert results[2:] == contents


async def test_a_reader_that_takes_nothing_holds_up_its_writer_alone() -> None:
    async with joined() as both:
        ours, theirs = await both.stream()
        other, other_there = await both.stream()
        writing = asyncio.create_task(ours.write(b"x" * (3 * WINDOW)))
        await other.write(b"passes")
        assert await other_there.read_exactly(6) == b"passes"
        while both.carried < WINDOW:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not writing.done()
        assert WINDOW <= both.carried < WINDOW + 1000
        assert len(await theirs.read_exactly(3 * WINDOW)) == 3 * WINDOW
        await writing


async def test_a_connection_that_stands_still_holds_up_writers() -> None:
    async with joined() as both:
        streams = [await both.stream() for _ in range(8)]
        both.flowing.clear()
        writing = [asyncio.create_task(ours.write(b"x" * WINDOW)) for ours, _ in streams]
        for _ in range(100):
            await asyncio.sleep(0)
        assert both.client._session.waiting < HIGH_WATER + 2 * PIECE
        both.flowing.set()
        for _, theirs in streams:
            await theirs.read_exactly(WINDOW)
        await asyncio.gather(*writing)


async def test_who_waits_for_the_end_of_a_stream_is_told_once() -> None:
    async with joined() as both:
        told: list[str] = []
        for how in ("ended", "reset", "cut"):
            ours, theirs = await both.stream()
            theirs.when_over(partial(told.append, how))
            if how == "ended":
                theirs.end()
                assert not told
                ours.end()
                while not told:
                    await asyncio.sleep(0)
                theirs.reset()
            elif how == "reset":
                ours.reset()
                await theirs.gone.wait()
        both.server.close()
        assert told == ["ended", "reset", "cut"]


async def test_a_reset_gives_what_came_before_it() -> None:
    async with joined() as both:
        ours, theirs = await both.stream()
        await ours.write(b"last words")
        while not theirs._unread:
            await asyncio.sleep(0)
        ours.reset()
        ours.reset()
        await theirs.gone.wait()
        assert await theirs.read(100) == b"last words"
        with pytest.raises(StreamLostError, match="reset"):
            await theirs.read(100)
        with pytest.raises(StreamLostError):
            await theirs.write(b"x")
        with pytest.raises(StreamLostError):
            await ours.read(1)


async def test_a_reset_wakes_who_waits() -> None:
    async with joined() as both:
        ours, theirs = await both.stream()
        waiting = [asyncio.create_task(theirs.read(1)), asyncio.create_task(theirs.write(b"x" * 3 * WINDOW))]
        await asyncio.sleep(0)
        ours.reset()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [StreamLostError, StreamLostError]


async def test_the_end_of_the_connection() -> None:
    async with joined() as both:
        ours, _ = await both.stream()
        reading = asyncio.create_task(ours.read(1))
        await asyncio.sleep(0)
        both.client.close()
        with pytest.raises(StreamLostError, match="ended"):
            await reading
        ours.end()
        ours.reset()
        with pytest.raises(StreamLostError, match="ended"):
            both.client.open()


async def test_an_end_too_early() -> None:
    async with joined() as both:
        ours, theirs = await both.stream()
        await ours.write(b"ab")
        ours.end()
        with pytest.raises(StreamLostError, match="too early"):
            await theirs.read_exactly(3)


async def test_a_stream_that_came_and_went_at_once() -> None:
    both = Joined()
    header = HEADER.pack(0, FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0) + HEADER.pack(0, FrameType.DATA, Flag.RST, 1, 0)
    await both.server.receive(header)
    stream = await both.opened.get()
    with pytest.raises(StreamLostError):
        await stream.read(1)


async def test_streams_beyond_the_limit() -> None:
    async with joined() as both:
        for _ in range(256):
            await both.stream()
        with pytest.raises(StreamLostError, match="256"):
            both.client.open()


async def test_a_server_without_use_for_streams() -> None:
    both = Joined()
    server = Mux(both.client.receive, client=False)
    both.server = server
    stream = both.client.open()
    await both.client.flush()
    await server.flush()
    with pytest.raises(StreamLostError):
        await stream.read(1)


async def test_a_peer_that_breaks_the_protocol_is_told() -> None:
    sent = bytearray()

    async def send(data: bytes) -> None:
        sent.extend(data)

    mux = Mux(send, client=False)
    with pytest.raises(YamuxError):
        await mux.receive(b"\xff" * 12)
    await mux.flush()
    assert HEADER.unpack(sent)[1] == FrameType.GO_AWAY


async def test_a_peer_that_left_with_a_full_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mux_module, "STALLED_SECONDS", 0.05)
    async with joined() as both:
        ours, theirs = await both.stream()
        writing = asyncio.create_task(theirs.write(b"x" * (2 * WINDOW)))
        ours.end()
        with pytest.raises(StreamLostError):
            await writing
        await ours.gone.wait()


async def test_streams_that_have_ended_are_forgotten() -> None:
    async with joined() as both:
        for _ in range(1000):
            ours, theirs = await both.stream()
            ours.end()
            theirs.end()
            assert await ours.read(1) == b""
        assert not both.client._streams
        assert both.client._session.stream_count == 0
