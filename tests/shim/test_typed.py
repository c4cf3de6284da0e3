"""Numbered input is typed once, whoever sends it again; a reader that lags may skip ahead."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.shim.requests import RefusedError
from sandboxcore.shim.typed import MOST_SOURCES, Typed
from tests.shim.peer import Peer, attach, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shim.conftest import FakeShim
    from tests.shim.fakes import FakeProcess


async def typed(process: FakeProcess, size: int) -> bytes:
    """What the command finds on its standard input, when there is so much of it."""
    data = b""
    async with asyncio.timeout(10):
        while len(data) < size:
            data += await asyncio.to_thread(os.read, process.input, 1024)
    return data


def test_it_works() -> None:
    input_ = Typed()
    assert input_.accept("a", 0, b"abc") == b"abc"
    assert input_.accept("a", 0, b"abc") == b""
    assert input_.accept("a", 1, b"bcde") == b"de"
    assert (input_.taken("a"), input_.taken("b")) == (5, 0)


def test_a_hole_is_refused_and_nothing_counts() -> None:
    input_ = Typed()
    with pytest.raises(RefusedError, match="jumps from byte 0 to 1"):
        input_.accept("a", 1, b"x")
    assert input_.taken("a") == 0


def test_who_was_heard_long_ago_is_forgotten() -> None:
    input_ = Typed()
    for number in range(MOST_SOURCES + 1):
        input_.accept(str(number), 0, b"x")
        input_.accept("kept", number, b"x")
    assert input_.taken("kept") == MOST_SOURCES + 1
    assert input_.taken("0") == 0
    assert input_.taken(str(MOST_SOURCES)) == 1


async def test_input_sent_again_on_another_connection_is_typed_once(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", source="page")
    process = await fake.spawner.process()
    assert (await peer.message("input"))["taken"] == 0
    peer.send("input", offset=0, data="echo é\n")
    assert (await peer.message("input"))["taken"] == 8
    peer.send("input", offset=8, data="lost ack\n")
    assert await typed(process, 17) == "echo é\nlost ack\n".encode()
    peer.drop()
    again = await Peer.ask(fake.path, "attach", command_id="c", source="page")
    assert (await again.message("input"))["taken"] == 17
    again.send("input", offset=8, data="lost ack\nnew\n")
    assert (await again.message("input"))["taken"] == 21
    assert await typed(process, 4) == b"new\n"
    process.end(0)
    await again.rest()


async def test_two_sources_are_numbered_apart(fake: FakeShim) -> None:
    one = await Peer.run(fake.path, "x", source="one")
    two = await Peer.ask(fake.path, "attach", command_id="c", source="two")
    process = await fake.spawner.process()
    for peer in (one, two):
        await peer.message("input")
        peer.send("input", offset=0, data="x")
        assert (await peer.message("input"))["taken"] == 1
    assert await typed(process, 2) == b"xx"


@pytest.mark.parametrize(
    ("source", "order"),
    [
        ("", {"offset": 0, "data": "x"}),
        ("a", {"offset": 1, "data": "x"}),
        ("a", {"offset": -1, "data": "x"}),
        ("a", {"offset": 0, "data": 7}),
        ("a", {"offset": "0", "data": "x"}),
    ],
)
async def test_input_that_cannot_be_taken_ends_its_reader_alone(
    fake: FakeShim, source: str, order: dict[str, Any]
) -> None:
    peer = await Peer.run(fake.path, "x", source=source)
    await fake.spawner.process()
    peer.send("input", **order)
    assert (await peer.rest()).error_type == "CommandError"
    await wait_for(fake.path, state="running", readers=0)


async def test_a_reader_skips_to_the_newest_output(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(batch_bytes=4096) as shim:
        first = await Peer.run(shim.path, "x", pty=True)
        process = await shim.spawner.process()
        reading = asyncio.create_task(first.until(b"tail"))
        await process.print(b"\x1b[?2004h" + b"a" * 3_000_000 + b"tail")
        await reading
        late = await Peer.ask(shim.path, "attach", command_id="c", gaps=True, modes=True)
        late.send("skip", keep=10)
        await late.message("skipped")
        process.end(0)
        outcome = await late.rest()
        assert [message["type"] for message in outcome.messages] == ["modes", "gap", "modes", "skipped", "exit"]
        assert outcome.messages[2]["sequence"] == "\x1b[?2004h"
        assert outcome.gaps[0][2] == 3_000_012 - 10
        assert outcome.stdout.endswith(b"aaaaaatail")


async def test_a_reader_that_is_at_the_end_skips_nothing(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", gaps=True)
    process = await fake.spawner.process()
    await process.print(b"all")
    await peer.until(b"all")
    peer.send("skip", keep=0)
    await peer.message("skipped")
    assert not peer.outcome.gaps


async def test_modes_follow_each_gap(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(ring_bytes=4096, least_ring_bytes=4096) as shim:
        first = await Peer.run(shim.path, "x", pty=True)
        process = await shim.spawner.process()
        reading = asyncio.create_task(first.rest())
        await process.print(b"\x1b[?1h" + b"x" * 20_000)
        process.end(0)
        await reading
        outcome = await attach(shim.path, modes=True, gaps=True)
        assert [message["type"] for message in outcome.messages] == ["modes", "gap", "modes", "exit"]
        assert outcome.messages[2]["sequence"] == "\x1b[?1h"
        assert outcome.messages[2]["end"] == 20_005
