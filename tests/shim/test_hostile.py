"""Peers that break the protocol are told and closed; nobody else notices."""

from __future__ import annotations

import asyncio
import os
import struct
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.shim.limits import Limits
from sandboxcore.shim.server import serve
from sandboxcore.shim.wire import Kind, encode, encode_control
from tests.shim.fakes import FakeSpawner
from tests.shim.peer import Peer, attach, commands, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.shim.conftest import FakeShim

FIRST_FRAMES = {
    "not json": encode(Kind.CONTROL, b"{"),
    "not utf-8": encode(Kind.CONTROL, b"\xff\xfe"),
    "not an object": encode(Kind.CONTROL, b"[1]"),
    "nested too deep": encode(Kind.CONTROL, b"[" * 500_000),
    "a header of 2 GB": struct.pack("!IB", 2 << 30, 0) + b"x" * 100,
    "an unknown kind": struct.pack("!IB", 1, 9) + b"x",
    "data first": encode(Kind.DATA, b"x"),
    "output first": encode(Kind.STDOUT, b"x" * 20),
    "no operation": encode_control({}),
    "an unknown operation": encode_control({"op": "format"}),
    "an operation of another type": encode_control({"op": ["start"]}),
    "start without a program": encode_control({"op": "start", "command_id": "h"}),
    "start with a program of another type": encode_control({"op": "start", "command_id": "h", "candidates": 5}),
    "attach without an id": encode_control({"op": "attach"}),
    "attach with a negative offset": encode_control({"op": "attach", "command_id": "c", "stdout_offset": -5}),
    "attach with a huge offset of another type": encode_control(
        {"op": "attach", "command_id": "c", "stdout_offset": 1e300}
    ),
    "a signal that is none": encode_control({"op": "signal", "command_id": "c", "signal": "SIGNOPE"}),
}

LATER_FRAMES = {
    "not json": encode(Kind.CONTROL, b"{"),
    "a header of 2 GB": struct.pack("!IB", 2 << 30, 3),
    "output": encode(Kind.STDERR, b"x" * 20),
    "a size of another type": encode_control({"op": "resize", "rows": "many", "cols": 3}),
    "a size beyond all": encode_control({"op": "resize", "rows": 1 << 40, "cols": 3}),
    "a signal that is none": encode_control({"op": "signal", "signal": 9}),
    "a second request": encode_control({"op": "start", "command_id": "d", "candidates": [["x"]]}),
}


@pytest.mark.parametrize("frame", FIRST_FRAMES.values(), ids=FIRST_FRAMES.keys())
async def test_a_bad_first_frame(fake: FakeShim, frame: bytes) -> None:
    good = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    bad = await Peer.connect(fake.path)
    bad.writer.write(frame)
    outcome = await bad.rest()
    assert outcome.error_type == "CommandError"
    process.push(b"unmoved")
    process.end(0)
    assert (await good.rest()).stdout == b"unmoved"
    assert len(fake.spawner.requests) == 1


@pytest.mark.parametrize("frame", LATER_FRAMES.values(), ids=LATER_FRAMES.keys())
async def test_a_bad_later_frame(fake: FakeShim, frame: bytes) -> None:
    good = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    bad = await Peer.ask(fake.path, "attach", command_id="c")
    await wait_for(fake.path, readers=2)
    bad.writer.write(frame)
    assert (await bad.rest()).error_type == "CommandError"
    await wait_for(fake.path, readers=1)
    process.push(b"unmoved")
    process.end(0)
    assert (await good.rest()).stdout == b"unmoved"


async def test_a_peer_that_says_nothing_is_let_go(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(first_frame_seconds=0.1) as shim:
        peer = await Peer.connect(shim.path)
        assert (await peer.rest()).error_type == "CommandError"


async def test_half_a_header_and_gone(fake: FakeShim) -> None:
    peer = await Peer.connect(fake.path)
    peer.writer.write(b"\0\0")
    await peer.writer.drain()
    peer.drop()
    assert await commands(fake.path) == []


async def test_other_users_are_refused(folder: Path) -> None:
    spawner = FakeSpawner()
    path = folder / "other.sock"
    serving = asyncio.create_task(serve(spawner, str(path), allowed_uids={os.getuid() + 1}))
    await asyncio.sleep(0)
    peer = await Peer.connect(path)
    outcome = await peer.rest()
    assert "may not use" in outcome.final["error"]
    spawner.end()
    await serving


async def test_the_socket_is_private(fake: FakeShim) -> None:
    assert fake.path.stat().st_mode & 0o777 == 0o600


async def test_more_connections_than_allowed(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(connections=3) as shim:
        first = await Peer.run(shim.path, "x")
        others = [await Peer.ask(shim.path, "attach", command_id="c") for _ in range(2)]
        process = await shim.spawner.process()
        process.push(b"now all are served")
        for peer in [first, *others]:
            await peer.until(b"served")
        refused = await (await Peer.connect(shim.path)).rest()
        assert "3 connections" in refused.final["error"]
        process.end(0)
        assert (await first.rest()).exit_code == 0


async def test_more_sessions_than_allowed(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(sessions=3) as shim:
        for number in range(3):
            await Peer.run(shim.path, "x", command_id=f"c{number}")
            await shim.spawner.process(number)
        full = await run(shim.path, "x", command_id="c3")
        assert (full.error_type, "3 commands" in full.final["error"]) == ("CommandError", True)
        shim.spawner.processes[1].end(0)
        await wait_for(shim.path, "c1", state="exited")
        await Peer.run(shim.path, "x", command_id="c4")
        await shim.spawner.process(3)
        assert [command["command_id"] for command in await commands(shim.path)] == ["c0", "c2", "c4"]
        assert (await attach(shim.path, "c1")).error_type == "SessionExpired"


async def test_tombstones_are_few(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(tombstones=2) as shim:
        for number in range(4):
            peer = await Peer.run(shim.path, "x", command_id=f"c{number}", ttl=0)
            (await shim.spawner.process(number)).end(0)
            await peer.rest()
        answers = [(await attach(shim.path, f"c{number}")).error_type for number in range(4)]
        assert answers == ["CommandNotFound"] * 2 + ["SessionExpired"] * 2


async def test_buffered_text_is_bounded_in_all(serve_fake: Callable[..., Any]) -> None:
    limits = Limits(ring_bytes=100_000, least_ring_bytes=10_000, buffered_bytes=150_000)
    async with serve_fake(
        ring_bytes=limits.ring_bytes, least_ring_bytes=limits.least_ring_bytes, buffered_bytes=limits.buffered_bytes
    ) as shim:
        for number in range(4):
            peer = await Peer.run(shim.path, "x", command_id=f"c{number}")
            process = await shim.spawner.process(number)
            reading = asyncio.create_task(peer.rest())
            await process.print(b"x" * 200_000)
            process.end(0)
            assert len((await reading).stdout) == 200_000
        early = await attach(shim.path, "c0", gaps=True)
        assert (early.exit_code, early.stdout, len(early.gaps)) == (0, b"x" * limits.least_ring_bytes, 1)
        held = sum(command["stdout"][1] - command["stdout"][0] for command in await commands(shim.path))
        assert held <= limits.buffered_bytes + limits.ring_bytes


async def test_finished_sessions_make_room_for_running_ones(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(ring_bytes=100_000, least_ring_bytes=60_000, buffered_bytes=100_000) as shim:
        for number in range(3):
            peer = await Peer.run(shim.path, "x", command_id=f"c{number}")
            process = await shim.spawner.process(number)
            reading = asyncio.create_task(peer.rest())
            await process.print(b"x" * 200_000)
            process.end(0)
            await reading
        assert (await attach(shim.path, "c0")).error_type == "SessionExpired"
        assert (await attach(shim.path, "c2")).exit_code == 0


async def test_a_long_list_comes_in_parts(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake() as shim:
        peers = [await Peer.run(shim.path, "x", command_id=f"c{n}", label="l" * 4096) for n in range(40)]
        await shim.spawner.process(39)
        answer = await (await Peer.ask(shim.path, "commands")).rest()
        assert len(answer.messages) > 1
        assert [message.get("more", False) for message in answer.messages][-2:] == [True, False]
        listed = [command["command_id"] for message in answer.messages for command in message["commands"]]
        assert listed == [f"c{n}" for n in range(40)]
        for peer in peers:
            peer.close()


async def test_ping(fake: FakeShim) -> None:
    assert (await (await Peer.ask(fake.path, "ping")).rest()).final == {"type": "pong"}


async def test_the_reason_arrives_though_the_upload_goes_on(fake: FakeShim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(fake.path.parent))
    peer = await Peer.ask(fake.path, "write", path=str(fake.path.parent))
    for _ in range(40):
        peer.type(b"x" * 100_000)
    await peer.writer.drain()
    outcome = await peer.rest()
    assert outcome.error_type == "IsADirectory"
