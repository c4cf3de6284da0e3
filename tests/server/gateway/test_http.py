"""HTTP through the gateway: every byte arrives, at once, and no message ends where it should not."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.server.gateway.programs import OK, Service, new_sandbox, program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.running import Sandboxd

    Open = Callable[..., Awaitable[Service]]
    Reader = asyncio.StreamReader
    Writer = asyncio.StreamWriter


async def test_it_works(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        by_host = await found.get("/a%2Fb//c?x=1&y=%20")
        async with httpx.AsyncClient() as client:
            by_path = await client.get(found.service_url + "a%2Fb//c?x=1", headers=found.by_token)
    assert (by_host.status_code, by_host.text, by_path.text) == (200, "ok", "ok")
    assert inner.heads[0].startswith(b"GET /a%2Fb//c?x=1&y=%20 HTTP/1.1\r\n")
    assert inner.heads[1].startswith(b"GET /a%2Fb//c?x=1 HTTP/1.1\r\n")
    assert inner.head()[b"x-forwarded-prefix"] == f"/{found.label}".encode()


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_large_body_passes_both_ways_unchanged(service: Open, chunked: bool) -> None:
    size = 5_000_000
    content = hashlib.shake_128(b"seed").digest(size)

    async def echo(reader: Reader, writer: Writer) -> None:
        head = inner.heads[-1].lower()
        assert (b"transfer-encoding: chunked" in head) is chunked
        assert (f"content-length: {size}".encode() in head) is not chunked
        body = b""
        if chunked:
            while length := int(await reader.readline(), 16):
                body += await reader.readexactly(length)
                await reader.readline()
            await reader.readline()
        else:
            body = await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async def pieces() -> Any:
        for start in range(0, size, 100_000):
            yield content[start : start + 100_000]

    async with program(echo) as inner:
        found = await service(inner)
        async with found.browser() as client:
            headers = {"Host": found.host, **found.by_token}
            answer = await client.post("/", content=pieces() if chunked else content, headers=headers)
    assert answer.content == content


async def test_events_come_at_once_and_the_program_learns_that_the_client_left(service: Open) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def stream(reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            event = await heard.get()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            if event == b"last":
                await reader.readexactly(1)  # raises when the connection is lost

    async with program(stream) as inner:
        found = await service(inner)
        async with (
            found.browser() as client,
            client.stream("GET", "/", headers={"Host": found.host, **found.by_token}) as answer,
        ):
            pieces = answer.aiter_bytes()
            for event in (b"one", b"two", b"last"):
                heard.put_nowait(event)
                assert await asyncio.wait_for(anext(pieces), 10) == event
        await asyncio.wait_for(inner.lost.wait(), 10)


@pytest.mark.parametrize(
    ("method", "head", "expected"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", {"content-length": "5000"}),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {}),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", {}),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 12\r\n\r\n', {"etag": '"x"'}),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"content-length": "0"}),
    ],
)
async def test_answers_without_a_body(service: Open, method: str, head: bytes, expected: dict[str, str]) -> None:
    async with program(head) as inner:
        found = await service(inner)
        async with found.browser() as client:
            answer = await client.request(method, "/", headers={"Host": found.host, **found.by_token})
    assert answer.status_code == int(head.split()[1])
    assert answer.content == b""
    assert expected.items() <= dict(answer.headers).items()
    assert ("content-length" in answer.headers) is ("content-length" in expected)


async def test_interim_answers_are_not_the_answer(service: Open) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + b"HTTP/1.1 100 Continue\r\n\r\n"
    async with program(hints + OK) as inner:
        answer = await (await service(inner)).get()
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_a_client_that_waits_to_be_told_to_continue_is_told(service: Open) -> None:
    async def count(reader: Reader, writer: Writer) -> None:
        body = await reader.readexactly(5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    async with program(count) as inner:
        found = await service(inner)
        reader, writer = await asyncio.open_connection("127.0.0.1", found.server.service_port)
        writer.write(found.raw_head("POST / HTTP/1.1", "Content-Length: 5", "Expect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await reader.read(-1)).endswith(b"\r\n\r\nhello")
        writer.close()
    assert b"expect" not in inner.head()


async def test_trailers_and_chunk_extensions_stay_behind(service: Open) -> None:
    chunks = b"4;name=value\r\nwhat\r\n0\r\nX-Trailer: secret\r\n\r\n"
    async with program(
        b"HTTP/1.1 200 OK\r\nTrailer: X-Trailer\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    ) as inner:
        found = await service(inner)
        answer = await found.raw(found.raw_head())
    assert b"4\r\nwhat\r\n0\r\n\r\n" in answer
    assert b"railer" not in answer


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\nnonsense\r\n",
    ],
)
async def test_an_answer_that_breaks_off_never_looks_whole(service: Open, broken: bytes) -> None:
    async with program(broken) as inner:
        found = await service(inner)
        with pytest.raises(httpx.RemoteProtocolError):
            await found.get()


async def test_an_answer_to_the_end_of_the_connection_is_whole(service: Open) -> None:
    async with program(b"HTTP/1.0 200 OK\r\n\r\nall of it") as inner:
        assert (await (await service(inner)).get()).text == "all of it"


async def test_an_early_answer_to_a_body_that_the_program_does_not_read(service: Open) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!"
    async with program(refusal) as inner:
        found = await service(inner)
        async with found.browser() as client:
            answer = await client.post("/", content=b"x" * 30_000_000, headers={"Host": found.host, **found.by_token})
    assert (answer.status_code, answer.text) == (413, "no!")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_said_plainly(service: Open, nonsense: bytes) -> None:
    async with program(nonsense) as inner:
        answer = await (await service(inner)).get()
    assert answer.status_code == 502
    assert answer.json()["detail"]["error"] == "BadAnswer"


async def test_nothing_listens(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
    answer = await found.get()
    assert answer.status_code == 502
    assert answer.json()["detail"]["error"] == "PortClosed"
    assert f"port {inner.port}" in answer.json()["detail"]["message"]


async def test_both_a_length_and_chunks_do_not_pass(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        smuggled = found.raw_head("POST / HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked")
        answer = await found.raw(smuggled + b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert inner.heads == []


@pytest.mark.parametrize("coding", ["xchunked", "gzip, chunked", "chunked, identity"])
async def test_codings_that_two_parsers_could_read_in_two_ways_do_not_reach_the_program(
    service: Open, coding: str
) -> None:
    async def read_all(reader: Reader, writer: Writer) -> None:
        assert await reader.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"
        writer.write(OK)

    async with program(read_all) as inner:
        found = await service(inner)
        await found.raw(found.raw_head("POST / HTTP/1.1", f"Transfer-Encoding: {coding}") + b"0\r\n\r\n")
    for head in inner.heads:
        assert b"transfer-encoding: chunked\r\n" in head.lower()


async def test_the_next_request_on_a_connection_is_a_request_of_its_own(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        first = found.raw_head("GET /one HTTP/1.1").replace(b"Connection: close\r\n", b"")
        answer = await found.raw(first + found.raw_head("GET /two HTTP/1.1"))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert [head.split()[1] for head in inner.heads] == [b"/one", b"/two"]
    assert all(b"connection: close\r\n" in head.lower() for head in inner.heads)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (["X-Much: " + "x" * 70_000], 431),
        ([f"X-{number}: x" for number in range(250)], 431),
    ],
)
async def test_headers_are_bounded(service: Open, more: list[str], status: int) -> None:
    async with program() as inner:
        found = await service(inner)
        answer = await found.raw(found.raw_head("GET / HTTP/1.1", *more))
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert inner.heads == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_methods_that_do_not_pass(service: Open, method: str) -> None:
    async with program() as inner:
        found = await service(inner)
        target = "example.com:80" if method == "CONNECT" else "/"
        answer = await found.raw(found.raw_head(f"{method} {target} HTTP/1.1"))
    assert answer.startswith((b"HTTP/1.1 405", b"HTTP/1.1 400"))
    assert inner.heads == []


async def test_bounds_of_size_and_time(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(service_body_limit=2048, service_answer_timeout=0.3)
    sandbox = await new_sandbox(server)

    async def never(reader: Reader, writer: Writer) -> None:
        del writer
        await reader.read(-1)

    async with program(never) as inner:
        found = await Service.of(server, sandbox, inner.port)
        slow = await found.get()
        async with found.browser() as client:
            large = await client.post("/", content=b"x" * 5000, headers={"Host": found.host, **found.by_token})
    assert (slow.status_code, slow.json()["detail"]["error"]) == (504, "TooSlow")
    assert (large.status_code, large.json()["detail"]["error"]) == (413, "TooLarge")


async def test_an_answer_ends_with_the_token(service: Open) -> None:
    async def endless(_reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nfirst")
        await writer.drain()
        await _reader.readexactly(1)  # raises when the connection is lost

    async with program(endless) as inner:
        found = await service(inner, seconds=4)
        with pytest.raises(httpx.RemoteProtocolError):
            await found.get()
        await asyncio.wait_for(inner.lost.wait(), 10)


async def test_a_request_without_an_answer_ends_with_the_token(service: Open) -> None:
    async def silent(reader: Reader, _writer: Writer) -> None:
        await reader.readexactly(1)

    async with program(silent) as inner:
        found = await service(inner, seconds=4)
        answer = await found.get()
    assert (answer.status_code, answer.json()["detail"]["error"]) == (503, "Ended")


async def test_bytes_that_pass_are_activity_and_asking_for_an_address_is_none(
    service: Open, api: httpx.AsyncClient, box: dict[str, Any]
) -> None:
    async def last() -> str:
        found: str = (await api.get(f"/boxes/{box['name']}")).json()["last_activity_at"]
        return found

    async with program() as inner:
        before = await last()
        found = await service(inner)
        assert await last() == before
        await found.get()
        assert await last() > before
