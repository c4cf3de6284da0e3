"""Fast, slow, dead and absent readers of one command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.wire import encode_control
from tests.shim.peer import Peer, attach, plain_connection, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shim.conftest import FakeShim

RING = 64 * 1024
LINES = b"".join(b"%07d\n" % number for number in range(250_000))
"""2 MB, thirty times the ring."""


async def test_a_reader_gets_all_of_a_flood(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    reading = asyncio.create_task(peer.rest())
    await process.print(LINES)
    process.end(0)
    assert (await reading).stdout == LINES


async def test_the_command_waits_for_a_reader_that_moves(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(ring_bytes=RING, stall_seconds=30) as shim:
        peer = await Peer.run(shim.path, "x")
        process = await shim.spawner.process()
        printing = asyncio.create_task(process.print(LINES))
        taken = 0
        while taken < 500_000:
            frame = await peer.frame()
            assert frame is not None
            taken += len(frame[1])
            await asyncio.sleep(0.002)
        assert not printing.done()
        reading = asyncio.create_task(peer.rest())
        await printing
        process.end(0)
        outcome = await reading
        assert outcome.gaps == []
        assert LINES.endswith(outcome.stdout)


async def test_a_reader_that_takes_nothing_stops_nobody_for_long(fake: FakeShim) -> None:
    with plain_connection(fake.path) as sock:
        sock.sendall(encode_control({"op": "start", "command_id": "c", "candidates": [["x"]], "gaps": True}))
        process = await fake.spawner.process()
        await process.print(LINES)
        await wait_for(fake.path, stdout=[len(LINES) - RING, len(LINES)], readers=1)
        process.end(0)
        sock.setblocking(False)
        peer = Peer(*await asyncio.open_unix_connection(sock=sock.dup()))
        outcome = await peer.rest()
    assert len(outcome.gaps) == 1
    assert outcome.exit_code == 0
    assert outcome.stdout.endswith(LINES[-RING:])


async def test_a_slow_reader_gets_a_gap_and_a_fast_one_everything(fake: FakeShim) -> None:
    fast = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    await fast.message("started")
    with plain_connection(fake.path) as sock:
        sock.sendall(encode_control({"op": "attach", "command_id": "c", "gaps": True}))
        await wait_for(fake.path, readers=2)
        reading = asyncio.create_task(fast.rest())
        started = asyncio.get_running_loop().time()
        await process.print(LINES)
        assert asyncio.get_running_loop().time() - started < 5
        process.end(0)
        assert (await reading).stdout == LINES
        sock.setblocking(False)
        outcome = await Peer(*await asyncio.open_unix_connection(sock=sock.dup())).rest()
    assert outcome.gaps
    assert outcome.exit_code == 0
    for _, first, last in outcome.gaps:
        assert 0 < first < last < len(LINES)


async def test_clients_killed_in_mid_stream_get_every_byte_once(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(ring_bytes=1 << 20, linger_seconds=30, stall_seconds=30) as shim:
        peer = await Peer.run(shim.path, "x")
        process = await shim.spawner.process()
        data = LINES * 5
        printing = asyncio.create_task(process.print(data))
        received = bytearray()
        for _ in range(5):
            while len(peer.outcome.stdout) < 700_000:
                await anext(peer.frames())
            received += peer.outcome.stdout
            peer.drop()
            await asyncio.sleep(0.05)
            peer = await Peer.ask(shim.path, "attach", command_id="c", stdout_offset=len(received), gaps=True)
        reading = asyncio.create_task(peer.rest())
        await printing
        process.end(0)
        outcome = await reading
        assert outcome.gaps == []
        assert received + outcome.stdout == data


async def test_vanished_readers_hold_the_command_for_a_while_only(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    await peer.message("started")
    peer.drop()
    await wait_for(fake.path, readers=0)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await process.print(LINES)
    assert 0.3 < loop.time() - started < 5
    process.end(0)
    outcome = await attach(fake.path, gaps=True)
    assert outcome.stdout == LINES[-RING:]


async def test_who_leaves_on_purpose_holds_nothing(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(ring_bytes=RING, linger_seconds=60, stall_seconds=60) as shim:
        peer = await Peer.run(shim.path, "x")
        process = await shim.spawner.process()
        await peer.leave()
        await wait_for(shim.path, readers=0)
        await process.print(LINES)
        process.end(0)
        assert (await attach(shim.path)).stdout == LINES[-RING:]


async def test_a_terminal_is_always_drained(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(ring_bytes=RING, linger_seconds=60, stall_seconds=60) as shim:
        with plain_connection(shim.path) as sock:
            sock.sendall(
                encode_control({"op": "start", "command_id": "c", "candidates": [["x"]], "pty": True, "gaps": True})
            )
            process = await shim.spawner.process()
            await process.print(LINES)
            process.end(0)
            await wait_for(shim.path, state="exited", stdout=[len(LINES) - RING, len(LINES)])


async def test_input_that_nobody_reads_holds_up_its_sender_only(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(stdin_bytes=64 * 1024) as shim:
        greedy = await Peer.run(shim.path, "x")
        process = await shim.spawner.process()
        await greedy.message("started")
        pasting = asyncio.create_task(greedy.paste(b"p" * (8 << 20)))
        other = await Peer.ask(shim.path, "attach", command_id="c")
        process.push(b"still here")
        await other.until(b"still here")
        await greedy.until(b"still here")
        assert not pasting.done()
        killed = await (await Peer.ask(shim.path, "kill", command_id="c")).rest()
        assert killed.final == {"type": "done"}
        assert (await other.rest()).exit_code == 137
        await asyncio.gather(pasting, return_exceptions=True)
        assert (await greedy.rest()).exit_code == 137


async def test_a_sender_that_dies_behind_its_input_is_noticed(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(stdin_bytes=64 * 1024) as shim:
        peer = await Peer.run(shim.path, "x")
        await shim.spawner.process()
        peer.type(b"p" * (1 << 19))
        peer.type(b"p" * (1 << 19))
        await wait_for(shim.path, readers=1)
        peer.drop()
        await wait_for(shim.path, readers=0, state="running")
