"""WebSockets through the gateway, with the program's end in the test's hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.server.conftest import unique
from tests.server.gateway.programs import Program, Service, new_sandbox, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection

    from tests.server.running import Sandboxd

    Open = Callable[..., Awaitable[Service]]


@asynccontextmanager
async def talking(handler: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[Program]:
    """A program that speaks WebSocket."""
    found = Program()

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        found.heads.append(connection.request.serialize())
        await handler(connection)

    async with serve(handle, "127.0.0.1", 0, **options) as server:
        found.port = next(iter(server.sockets)).getsockname()[1]
        yield found


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def dialed(found: Service, path: str = "/", *, headers: dict[str, str] | None = None, **options: Any) -> connect:
    """A client with the token, on the service's own origin."""
    return connect(
        f"ws://{found.host}{path}",
        host="127.0.0.1",
        port=found.server.service_port,
        additional_headers=found.by_token if headers is None else headers,
        proxy=None,
        compression=None,
        **options,
    )


async def status_of(connecting: connect) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with connecting:
            pass
    return refused.value.response.status_code


async def test_it_works(service: Open) -> None:
    async with talking(echo) as inner:
        found = await service(inner)
        async with dialed(found, "/ws/%20?a=1") as client:
            for message in ("text ü", b"\x00\xff", "", "x" * 1_000_000):
                await client.send(message)
                assert await client.recv() == message
        base = found.service_url.replace("http:", "ws:")
        async with connect(base + "ws", additional_headers=found.by_token, proxy=None) as client:
            await client.send("by path")
            assert await client.recv() == "by path"
    assert inner.heads[0].startswith(b"GET /ws/%20?a=1 HTTP/1.1\r\n")
    assert inner.heads[1].startswith(b"GET /ws HTTP/1.1\r\n")
    head = inner.heads[0].lower()
    assert found.token.encode() not in b"".join(inner.heads)
    assert b"host: " + found.host.encode() in head
    assert b"x-forwarded-for: 127.0.0.1\r\n" in head
    assert b"sec-websocket-extensions" not in head


async def test_a_message_in_fragments_arrives_whole(service: Open) -> None:
    async def fragments(connection: ServerConnection) -> None:
        await connection.send(["one ", "two ", "three"])
        assert await connection.recv() == "four five"
        await connection.send("done")

    async def pieces() -> AsyncIterator[str]:
        yield "four "
        yield "five"

    async with talking(fragments) as inner, dialed(await service(inner)) as client:
        assert await client.recv() == "one two three"
        await client.send(pieces())
        assert await client.recv() == "done"


async def test_subprotocols(service: Open) -> None:
    async with talking(echo, subprotocols=["two"]) as inner:
        found = await service(inner)
        async with dialed(found, subprotocols=["one", "two"]) as client:
            assert client.subprotocol == "two"
    async with talking(echo) as inner, dialed(await service(inner), subprotocols=["one"]) as client:
        assert client.subprotocol is None


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4321, "because ü"), (1011, "failed")])
async def test_the_programs_close_reaches_the_client(service: Open, code: int, reason: str) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with talking(close) as inner, dialed(await service(inner)) as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (code, reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4321, "because ü")])
async def test_the_clients_close_reaches_the_program(service: Open, code: int, reason: str) -> None:
    ended: asyncio.Future[tuple[int | None, str | None]] = asyncio.get_running_loop().create_future()

    async def watch(connection: ServerConnection) -> None:
        await connection.wait_closed()
        ended.set_result((connection.close_code, connection.close_reason))

    async with talking(watch) as inner:
        client = await dialed(await service(inner))
        await client.close(code, reason)
        assert await asyncio.wait_for(ended, 10) == (code, reason)


async def test_a_client_that_vanishes_is_lost_to_the_program_too(service: Open) -> None:
    ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def watch(connection: ServerConnection) -> None:
        await connection.wait_closed()
        ended.set_result(connection.close_code)

    async with talking(watch) as inner:
        client = await dialed(await service(inner))
        client.transport.abort()
        assert await asyncio.wait_for(ended, 10) == 1006


async def test_a_program_that_vanishes(service: Open) -> None:
    async def vanish(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with talking(vanish) as inner, dialed(await service(inner)) as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1011


async def test_pings_of_the_program_are_answered_without_the_client(service: Open) -> None:
    answered = asyncio.Event()

    async def ping(connection: ServerConnection) -> None:
        await (await connection.ping())
        answered.set()
        await connection.wait_closed()

    async with talking(ping) as inner, dialed(await service(inner)):
        await asyncio.wait_for(answered.wait(), 10)


async def test_a_program_that_refuses_says_so_itself(service: Open) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nX-Why: theirs\r\nAlt-Svc: h3\r\n\r\nnot today"
    async with program(refusal) as inner:
        with pytest.raises(InvalidStatus) as refused:
            await dialed(await service(inner))
    answer = refused.value.response
    assert (answer.status_code, answer.body) == (403, b"not today")
    assert answer.headers["X-Why"] == "theirs"
    assert "Alt-Svc" not in answer.headers


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n",
    ],
)
async def test_a_program_that_speaks_no_websocket(service: Open, nonsense: bytes) -> None:
    async with program(nonsense) as inner:
        assert await status_of(dialed(await service(inner))) == 502


async def test_nothing_listens(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
    assert await status_of(dialed(found)) == 502


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 403), ("http://evil.example", 403), ("null", 403), ("https-OWN", 403), ("NEIGHBOUR", 403), ("OWN", 101)],
)
async def test_with_a_cookie_only_the_services_own_pages_may_connect(
    service: Open, origin: str | None, status: int
) -> None:
    async with talking(echo) as inner:
        found = await service(inner)
        known = {
            "OWN": found.origin,
            "https-OWN": found.origin.replace("http:", "https:"),
            "NEIGHBOUR": found.origin.replace("//", "//1"),
        }
        headers = {"Cookie": f"sandbox-service-token={found.token}"}
        connecting = dialed(found, headers=headers, origin=known.get(origin, origin) if origin else None)
        if status == 101:
            async with connecting as client:
                await client.send("hello")
                assert await client.recv() == "hello"
        else:
            assert await status_of(connecting) == status
            assert inner.heads == []


async def test_without_a_token_nothing_is_dialed(service: Open) -> None:
    async with talking(echo) as inner:
        found = await service(inner)
        assert await status_of(dialed(found, headers={})) == 401
        assert await status_of(dialed(found, "/?__sandbox_token=" + found.token, headers={})) == 401
    assert inner.heads == []


async def test_messages_are_bounded_both_ways(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(message_limit=65536)
    sandbox = await new_sandbox(server)
    ended: asyncio.Queue[int | None] = asyncio.Queue()

    async def too_much(connection: ServerConnection) -> None:
        if connection.request is not None and connection.request.path == "/send":
            await connection.send(b"x" * 65537)
        await connection.wait_closed()
        ended.put_nowait(connection.close_code)

    async with talking(too_much) as inner:
        found = await Service.of(server, sandbox, inner.port)
        async with dialed(found, "/send") as client:
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1009
        assert await asyncio.wait_for(ended.get(), 10) == 1009
        async with dialed(found) as client:
            await client.send(b"x" * 65537)
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1009


async def test_text_that_is_none_ends_it(service: Open) -> None:
    async def nonsense(connection: ServerConnection) -> None:
        await connection.send(b"\xff\xfe", text=True)
        await connection.wait_closed()

    async with talking(nonsense) as inner, dialed(await service(inner)) as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1007


async def test_a_client_that_reads_nothing_holds_the_program_back(service: Open) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        try:
            while True:
                async with asyncio.timeout(1):
                    await connection.send(b"x" * 100_000)
                sent += 100_000
        except TimeoutError:
            stuck.set()

    async with talking(flood) as inner, dialed(await service(inner), max_queue=1):
        await asyncio.wait_for(stuck.wait(), 60)
    assert sent < 60_000_000


async def _ended(client: ClientConnection) -> tuple[int | None, str | None]:
    await asyncio.wait_for(client.wait_closed(), 15)
    return client.close_code, client.close_reason


async def test_it_ends_with_the_token(service: Open) -> None:
    async with talking(echo) as inner:
        client = await dialed(await service(inner, seconds=4))
        assert await _ended(client) == (1008, "the token has expired")


async def test_it_ends_with_the_key(service: Open, sandboxd: Sandboxd) -> None:
    key = sandboxd.cli("keys", "create", "--name", unique("key"))
    async with talking(echo) as inner:
        client = await dialed(await service(inner, key=key["api_key"]))
        sandboxd.cli("keys", "revoke", key["id"])
        assert (await _ended(client))[0] == 1008


async def test_it_ends_in_order_when_the_server_does(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd()
    sandbox = await new_sandbox(server)
    async with talking(echo) as inner:
        client = await dialed(await Service.of(server, sandbox, inner.port))
        assert await asyncio.to_thread(server.stop) == 0
        assert (await _ended(client))[0] == 1001


async def test_streams_are_counted(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(max_streams_per_sandbox=1)
    sandbox = await new_sandbox(server)
    async with talking(echo) as inner:
        found = await Service.of(server, sandbox, inner.port)
        async with dialed(found):
            answer = await found.get()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize("piece", [b"", b"b"])
async def test_a_message_in_thousands_of_pieces_is_one(service: Open, piece: bytes) -> None:
    async def handler(connection: ServerConnection) -> None:
        frames = [Frame(Opcode.TEXT, b"a", fin=False)]
        frames += [Frame(Opcode.CONT, piece, fin=False)] * 20_000
        frames += [Frame(Opcode.CONT, b"c"), Frame(Opcode.BINARY, b"d")]
        connection.transport.write(b"".join(frame.serialize(mask=False) for frame in frames))
        await connection.wait_closed()

    async with talking(handler) as inner:
        found = await service(inner)
        async with dialed(found) as client:
            assert await client.recv() == "a" + piece.decode() * 20_000 + "c"
            assert await client.recv() == b"d"
