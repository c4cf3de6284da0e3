"""What a client can make the server hold before it has said who it is, and how long others must wait for it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from sandboxcore.server import connections, serve
from sandboxcore.server.connections import HEAD_BYTES, SLICE, BoundedHttp, PacedWebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@asynccontextmanager
async def listening(app: ASGIApp, **options: Any) -> AsyncIterator[int]:
    """The port of a server of ``app``."""
    config = uvicorn.Config(app, http=BoundedHttp, ws=PacedWebSocket, log_config=None, lifespan="off", **options)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: BoundedHttp(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def answer_ok(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    body = b",".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def said_until_closed(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            return await reader.read()
    return b""


def endless(piece: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[int]]:
    """Sends the same for ever; how much it was when the other side had enough."""

    async def send(writer: asyncio.StreamWriter) -> int:
        sent = 0
        with suppress(ConnectionError):
            while sent < 100 * 2**20:
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
        return sent

    return send


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"\r\n" * 4096),
        (b"GET /", b"a" * 8192),
        (b"GET / HTTP/1.1\r\nA: ", b"a" * 8192),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 1024),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"a" * 8192),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 1024),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=", b"a" * 8192),
    ],
    ids=["empty lines", "address", "header", "headers", "trailer", "trailers", "extension of a chunk"],
)
async def test_a_head_without_an_end_is_cut_off(start: bytes, piece: bytes) -> None:
    async with listening(answer_ok) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(start)
        # The kernel's buffers hold some more than was read.
        assert await endless(piece)(writer) < 20 * 2**20
        writer.close()


async def test_a_large_head_is_answered_and_a_usual_one_served() -> None:
    async with listening(answer_ok) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert (await reader.readuntil(b"host")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nA: " + b"a" * HEAD_BYTES + b"\r\n\r\n")
        assert (await said_until_closed(reader)).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        writer.close()


@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET / HT", GET + b"\r\n", GET + b"GET / HT"])
async def test_who_does_not_say_what_it_wants_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    async with listening(answer_ok) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said[: len(GET)])
        if said.startswith(GET):
            await reader.readuntil(b"host")
            writer.write(said[len(GET) :])
        await said_until_closed(reader)
        writer.close()


async def test_an_answer_may_take_longer_than_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await answer_ok(scope, receive, send)

    async with listening(slow) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert (await reader.readuntil(b"host")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_what_trails_a_body_is_no_header() -> None:
    async with listening(answer_ok) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"1\r\na\r\n0\r\nX-Api-Key: sbx\r\n\r\n"
        )
        assert (await said_until_closed(reader)).endswith(b"\r\n\r\nhost,transfer-encoding,connection")
        writer.close()


async def test_no_more_connections_than_there_are_files_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 1)
    async with listening(answer_ok) as port:
        first = await asyncio.open_connection("127.0.0.1", port)
        first[1].write(GET)
        await first[0].readuntil(b"host")
        second = await asyncio.open_connection("127.0.0.1", port)
        assert await said_until_closed(second[0]) == b""
        first[1].write(GET)
        await first[0].readuntil(b"host")
        for _, writer in (first, second):
            writer.close()


class Collector:
    """An application that takes WebSocket messages."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.messages.append(message.get("bytes") or message.get("text"))
        self.ended.set()


async def test_a_message_in_thousands_of_pieces_is_one() -> None:
    collector = Collector()
    async with listening(collector) as port, connect(f"ws://127.0.0.1:{port}/") as client:
        pieces = [Frame(Opcode.BINARY, b"a", fin=False)]
        pieces += [Frame(Opcode.CONT, b"b" * (number % 2), fin=False) for number in range(20_000)]
        pieces += [Frame(Opcode.CONT, b"c")]
        client.transport.write(b"".join(piece.serialize(mask=True) for piece in pieces))
        await client.send("text")
        await client.close()
        await collector.ended.wait()
    assert collector.messages == [b"a" + b"b" * 10_000 + b"c", "text"]
    assert type(collector.messages[0]) is bytes


async def test_many_small_messages_leave_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TURN_SECONDS", 0)
    collector = Collector()
    async with listening(collector) as port, connect(f"ws://127.0.0.1:{port}/") as client:
        count = 20 * SLICE // 7
        most, seen = 0, 0
        client.transport.write(b"".join(Frame(Opcode.BINARY, b"a").serialize(mask=True) for _ in range(count)))
        while len(collector.messages) < count:
            await asyncio.sleep(0)
            most, seen = max(most, len(collector.messages) - seen), len(collector.messages)
        await client.close()
        await collector.ended.wait()
    assert most <= 4 * SLICE // 7
    assert collector.messages == [b"a"] * count


async def test_who_pings_and_does_not_listen_is_cut_off() -> None:
    collector = Collector()
    async with listening(collector) as port, connect(f"ws://127.0.0.1:{port}/") as client:
        client.transport.pause_reading()
        pings = Frame(Opcode.PING, b"a" * 125).serialize(mask=True) * 1000
        async with asyncio.timeout(30):
            while not collector.ended.is_set():
                if client.transport.get_write_buffer_size() < len(pings):
                    client.transport.write(pings)
                await asyncio.sleep(0)
        client.transport.abort()


def test_lines_that_anybody_can_cause_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    def record(text: str) -> logging.LogRecord:
        return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, text, (), None)

    assert not serve._is_for_the_log(record("Invalid HTTP request received."))
    assert not serve._is_for_the_log(record("ASGI callable returned without completing handshake."))
    assert serve._is_for_the_log(record("Exception in ASGI application\n"))
