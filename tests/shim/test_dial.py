"""Dialed connections as the shim keeps them: bounded, told apart, and the end of the sandbox announced."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.shim import loopback
from sandboxcore.shim.requests import RefusedError, tcp_port
from sandboxcore.shim.spawner import DialError
from sandboxcore.shim.wire import Kind, encode
from tests.shim.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.shim.conftest import FakeShim


@contextmanager
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


async def answer(peer: Peer) -> dict[str, Any]:
    _, body = await peer.frame() or (None, b"{}")
    message: dict[str, Any] = json.loads(body)
    return message


async def test_it_works(fake: FakeShim) -> None:
    with listener() as listening:
        peer = await Peer.ask(fake.path, "dial", port=port_of(listening))
        assert await answer(peer) == {"type": "dialed"}
        program, _ = listening.accept()
        with program:
            peer.type(b"question")
            await peer.writer.drain()
            assert await asyncio.to_thread(program.recv, 100) == b"question"
            program.sendall(b"answer")
            assert await peer.frame() == (Kind.DATA, b"answer")


async def test_what_follows_the_request_at_once(fake: FakeShim) -> None:
    with listener() as listening:
        peer = await Peer.ask(fake.path, "dial", port=port_of(listening))
        peer.type(b"before the answer")
        peer.send("end")
        program, _ = await asyncio.to_thread(listening.accept)
        with program:
            assert await asyncio.to_thread(program.makefile("rb").read) == b"before the answer"


async def test_more_than_allowed(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(dialed=2) as shim:
        with listener() as listening:
            peers = [await Peer.ask(shim.path, "dial", port=port_of(listening)) for _ in range(2)]
            assert [await answer(peer) for peer in peers] == [{"type": "dialed"}] * 2
            third = await Peer.ask(shim.path, "dial", port=port_of(listening))
            assert (await answer(third))["error_type"] == "DialFailed"
            peers[0].drop()
            async with asyncio.timeout(20):
                while (await answer(await Peer.ask(shim.path, "dial", port=port_of(listening))))["type"] != "dialed":
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "frame", [encode(Kind.STDOUT, b"\0" * 9), encode(Kind.CONTROL, b'{"op": "kill"}'), b"\xff" * 5]
)
async def test_a_caller_that_breaks_the_protocol_loses_its_connection(fake: FakeShim, frame: bytes) -> None:
    with listener() as listening:
        peer = await Peer.ask(fake.path, "dial", port=port_of(listening))
        assert await answer(peer) == {"type": "dialed"}
        program, _ = listening.accept()
        peer.writer.write(frame)
        assert (await answer(peer))["type"] == "error"
        with program, pytest.raises(ConnectionResetError):
            await asyncio.to_thread(program.recv, 1)


async def test_nothing_may_follow_the_end(fake: FakeShim) -> None:
    with listener() as listening:
        peer = await Peer.ask(fake.path, "dial", port=port_of(listening))
        assert await answer(peer) == {"type": "dialed"}
        peer.send("end")
        peer.type(b"more")
        assert "nothing may follow" in (await answer(peer))["error"]


async def test_a_caller_that_leaves_while_its_program_reads_nothing(fake: FakeShim) -> None:
    with listener() as listening:
        peer = await Peer.ask(fake.path, "dial", port=port_of(listening))
        assert await answer(peer) == {"type": "dialed"}
        program, _ = listening.accept()
        pasting = asyncio.create_task(peer.paste(b"x" * (64 << 20)))
        await asyncio.sleep(0)
        peer.drop()
        await asyncio.gather(pasting, return_exceptions=True)
        with program:
            program.settimeout(20)
            with pytest.raises(ConnectionResetError):
                while await asyncio.to_thread(program.recv, 1 << 20):
                    pass


async def test_the_watch_tells_the_end(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake() as shim:
        peer = await Peer.ask(shim.path, "watch")
        assert await answer(peer) == {"type": "watching"}
        gone = await Peer.ask(shim.path, "watch")
        assert await answer(gone) == {"type": "watching"}
        gone.drop()
        shim.spawner.end()
        assert await answer(peer) == {"type": "ended"}
        assert await peer.frame() is None


@pytest.mark.parametrize("port", [0, -1, 65536, "80", None, True, 1.5])
def test_what_is_no_port(port: object) -> None:
    with pytest.raises(RefusedError):
        tcp_port({"port": port})


async def test_both_addresses_are_tried() -> None:
    tried = []

    async def nothing_there(version: int, port: int) -> socket.socket:
        tried.append((version, port))
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(DialError, match="nothing listens on port 80") as refused:
        await loopback.dial(80, nothing_there)
    assert refused.value.kind == "PortClosed"
    assert tried == [(4, 80), (6, 80)]


async def test_a_failure_of_another_kind_is_told() -> None:
    async def exhausted(version: int, port: int) -> socket.socket:
        del version, port
        raise OSError(24, "Too many open files")

    with pytest.raises(DialError, match="Too many open files") as failed:
        await loopback.dial(80, exhausted)
    assert failed.value.kind == "DialFailed"
