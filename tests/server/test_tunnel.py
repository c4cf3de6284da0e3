"""``WS /tunnel`` on the real server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from sandboxcore.protocol.mux import StreamLostError
from tests.server.conftest import client_of, unique
from tests.server.live import Commands
from tests.server.tunneling import TunnelClient, listening, read_all, tunnel

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.server.running import Sandboxd

OK, NOT_ALLOWED, FAILED, WRONG_VERSION = range(4)


async def test_it_works(sandboxd: Sandboxd, box: dict[str, Any], live: Commands) -> None:
    port, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        status, stream = await client.dial(port)
        assert status == OK
        await stream.write(b"hello")
        assert await stream.read_exactly(5) == b"hello"
        stream.end()
        assert await stream.read(1) == b""


async def test_a_half_close_reaches_the_program(sandboxd: Sandboxd, box: dict[str, Any], live: Commands) -> None:
    port, _ = await listening(live, "digest")
    content = os.urandom(5 << 20)
    async with tunnel(box, sandboxd.key) as client:
        _, stream = await client.dial(port)
        await stream.write(content)
        stream.end()
        assert (await read_all(stream)).decode() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("port", "version", "status"), [(0, 1, NOT_ALLOWED), (1, 1, FAILED), (1, 2, WRONG_VERSION)])
async def test_refusals(sandboxd: Sandboxd, box: dict[str, Any], port: int, version: int, status: int) -> None:
    async with tunnel(box, sandboxd.key) as client:
        answered, stream = await client.dial(port, version)
        assert answered == status
        assert await stream.read(1) == b""
        stream.end()


async def test_an_opening_in_pieces(sandboxd: Sandboxd, box: dict[str, Any], live: Commands) -> None:
    port, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        stream = client.mux.open()
        for byte in struct.pack("!BH", 1, port):
            await stream.write(bytes([byte]))
        await stream.write(b"at once")
        assert await stream.read_exactly(8) == b"\0at once"


async def test_a_stream_that_ends_before_its_opening(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    async with tunnel(box, sandboxd.key) as client:
        stream = client.mux.open()
        await stream.write(b"\1")
        stream.end()
        with pytest.raises(StreamLostError):
            await stream.read(1)


async def test_many_streams_at_once(sandboxd: Sandboxd, box: dict[str, Any], live: Commands) -> None:
    port, _ = await listening(live, "echo")

    async def talk(number: int) -> None:
        status, stream = await client.dial(port)
        assert status == OK
        word = f"word {number}".encode() * 1000
        await stream.write(word)
        stream.end()
        assert await read_all(stream) == word

    async with tunnel(box, sandboxd.key) as client:
        await asyncio.gather(*[talk(number) for number in range(200)])
        await asyncio.gather(*[talk(number) for number in range(200)])


async def test_a_client_that_reads_nothing_stops_the_program(
    sandboxd: Sandboxd, box: dict[str, Any], live: Commands
) -> None:
    flood, command = await listening(live, "flood")
    echo, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        await client.dial(flood)
        _, other = await client.dial(echo)
        for _ in range(50):
            await other.write(b"passes")
            assert await other.read_exactly(6) == b"passes"
        while True:
            try:
                async with asyncio.timeout(1):
                    await command.receive()
            except TimeoutError:
                break
    assert int(command.text["stdout"].split()[-1]) < 32 << 20


async def test_a_program_that_reads_nothing_stops_the_client(
    sandboxd: Sandboxd, box: dict[str, Any], live: Commands
) -> None:
    deaf, _ = await listening(live, "deaf")
    echo, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        _, stream = await client.dial(deaf)
        writing = asyncio.create_task(stream.write(b"x" * (64 << 20)))
        _, other = await client.dial(echo)
        for _ in range(200):
            await other.write(b"y" * 10_000)
            assert len(await other.read_exactly(10_000)) == 10_000
        assert not writing.done()
        stream.reset()
        with pytest.raises(StreamLostError):
            await writing


async def test_bytes_are_activity(
    sandboxd: Sandboxd, api: httpx.AsyncClient, box: dict[str, Any], live: Commands
) -> None:
    async def last() -> str:
        return str((await api.get(f"/boxes/{box['id']}")).json()["last_activity_at"])

    port, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        _, stream = await client.dial(port)
        before = await last()
        await stream.write(b"x")
        await stream.read_exactly(1)
        assert await last() > before


@pytest.mark.parametrize(
    ("sent", "code"), [(b"\xff" * 12, 1002), ("text", 1003), (struct.pack("!BBHII", 0, 0, 1, 1, 1 << 20), 1002)]
)
async def test_clients_that_break_the_protocol(
    sandboxd: Sandboxd, box: dict[str, Any], sent: bytes | str, code: int
) -> None:
    async with tunnel(box, sandboxd.key) as client:
        await client.socket.send(sent)
        assert await client.closed() == code


async def test_who_may_not(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    reader = sandboxd.cli("keys", "create", "--name", unique("key"), "--scopes", "read")["api_key"]
    for key, status in (("", 401), (reader, 403)):
        with pytest.raises(InvalidStatus) as refused:
            async with tunnel(box, key):
                pass
        assert refused.value.response.status_code == status
    with pytest.raises(InvalidStatus) as refused:
        async with tunnel({"dataplane_url": box["dataplane_url"].replace(box["id"], "other")}, sandboxd.key):
            pass
    assert refused.value.response.status_code == 404


async def test_the_end_of_the_server(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd()
    box = await _new_box(server)
    async with tunnel(box, server.key) as client:
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        assert await client.closed() == 1001
        await stopping
    server.start()
    async with tunnel(box, server.key) as client:
        assert (await client.dial(1))[0] == FAILED


async def test_the_end_of_the_sandbox(sandboxd: Sandboxd, api: httpx.AsyncClient, template: str) -> None:
    box = (await api.post("/boxes", json={"template_name": template})).json()
    live = Commands(box["dataplane_url"], sandboxd.key)
    port, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        _, stream = await client.dial(port)
        assert (await api.delete(f"/boxes/{box['id']}")).status_code == 204
        assert await client.closed() == 1000
        with pytest.raises(StreamLostError):
            await read_all(stream)
            await stream.write(b"x")
    await live.close()


async def test_the_death_of_the_shim(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    async with tunnel(box, sandboxd.key) as client:
        os.kill(_shim_pid(sandboxd, box["id"]), signal.SIGKILL)
        assert await client.closed() == 1000


async def test_the_place_of_a_stream_that_has_ended_is_free_at_once(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(max_streams_per_sandbox=3)  # the program, the tunnel, and one stream
    box = await _new_box(server)
    live = Commands(box["dataplane_url"], server.key)
    port, _ = await listening(live, "echo")
    async with tunnel(box, server.key) as client:
        for _ in range(200):
            status, stream = await client.dial(port)
            assert status == OK
            stream.end()
            assert await read_all(stream) == b""
    await live.close()


async def test_streams_count_as_requests_to_the_sandbox(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(max_streams_per_sandbox=3)
    box = await _new_box(server)
    async with tunnel(box, server.key) as client:
        streams = [client.mux.open() for _ in range(3)]
        with pytest.raises(StreamLostError):
            await streams[2].read(1)
        with pytest.raises(InvalidStatus) as refused:
            async with tunnel(box, server.key):
                pass
        assert refused.value.response.status_code == 429
        streams[0].reset()
        while (status := await _try(client)) is None:
            pass
        assert status == FAILED


def _shim_pid(server: Sandboxd, sandbox_id: str) -> int:
    (path,) = server.run_dir.rglob(f"{sandbox_id}/shim.sock")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid: int = struct.unpack("3i", credentials)[0]
    return pid


async def _try(client: TunnelClient) -> int | None:
    try:
        status, _ = await client.dial(1)
    except StreamLostError:
        return None
    return status


async def _new_box(server: Sandboxd) -> dict[str, Any]:
    async with client_of(server) as api:
        await api.post("/templates", json={"name": "t", "image": "host"})
        answer = await api.post("/boxes", json={"template_name": "t"})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made
