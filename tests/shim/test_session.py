"""A session's states, readers and clocks, with a sandbox that is only pipes."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.spawner import TerminalSize
from tests.shim.peer import Peer, attach, commands, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shim.conftest import FakeShim


async def test_it_works(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "ignored", label="greet", meta={"who": "me"})
    process = await fake.spawner.process()
    assert (await peer.message("started")) == {"type": "started", "command_id": "c", "pid": 1}
    process.push(b"hello")
    await peer.until(b"hello")
    [command] = await commands(fake.path)
    assert (command["state"], command["label"], command["meta"]) == ("running", "greet", {"who": "me"})
    process.end(3)
    outcome = await peer.rest()
    assert outcome.exit_code == 3
    [command] = await commands(fake.path)
    assert (command["state"], command["exit_code"], command["stdout"]) == ("exited", 3, [0, 5])
    assert command["finished_at"] >= command["started_at"]


async def test_the_same_id_runs_once(fake: FakeShim) -> None:
    first = await Peer.run(fake.path, "x")
    await (await fake.spawner.process()).print(b"once")
    second = await Peer.run(fake.path, "x")
    assert (await second.message("started"))["pid"] == 1
    await second.until(b"once")
    fake.spawner.processes[0].end(0)
    assert (await first.rest()).stdout == b"once"
    assert (await second.rest()).exit_code == 0
    assert len(fake.spawner.requests) == 1


async def test_the_same_id_while_starting(fake: FakeShim) -> None:
    fake.spawner.gate.clear()
    peers = [await Peer.run(fake.path, "x") for _ in range(3)]
    waiting = await Peer.ask(fake.path, "attach", command_id="c")
    await wait_for(fake.path, readers=4, state="starting")
    fake.spawner.gate.set()
    process = await fake.spawner.process()
    process.push(b"all see it")
    process.end(0)
    for peer in peers:
        outcome = await peer.rest()
        assert (outcome.messages[0]["type"], outcome.stdout) == ("started", b"all see it")
    outcome = await waiting.rest()
    assert (outcome.messages[0]["type"], outcome.stdout) == ("exit", b"all see it")
    assert len(fake.spawner.requests) == 1


async def test_a_start_that_fails_is_told_to_all_who_ask(fake: FakeShim) -> None:
    fake.spawner.failure = "no such program: frob"
    for _ in range(2):
        outcome = await run(fake.path, "x")
        assert outcome.messages == [{"type": "error", "error_type": "CommandError", "error": "no such program: frob"}]
    assert (await attach(fake.path)).error_type == "CommandError"
    assert len(fake.spawner.requests) == 1


async def test_order_of_arrival_is_kept(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    for step in range(6):
        os.write(process.err if step % 2 else process.out, b"%d" % step)
        await wait_for(fake.path, stdout=[0, step // 2 + 1], stderr=[0, (step + 1) // 2])
    process.end(0)
    for outcome in (await peer.rest(), await attach(fake.path)):
        assert outcome.order == ["stdout", "stderr"] * 3
        assert (outcome.stdout, outcome.stderr) == (b"024", b"135")


async def test_offsets_count_the_text_that_was_sent(fake: FakeShim) -> None:
    await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    raw = "é漢🙂".encode() + b"\xff\xfe" + b"\xe2\x82"
    for byte in raw:
        os.write(process.out, bytes([byte]))
        await asyncio.sleep(0)
    process.end(0)
    text = raw.decode("utf-8", "replace").encode()
    await wait_for(fake.path, state="exited", stdout=[0, len(text)])
    for offset in range(len(text) + 3):
        outcome = await attach(fake.path, stdout_offset=offset, gaps=True)
        first = outcome.first.get("stdout", len(text))
        assert outcome.stdout == text[first:]
        assert first - min(offset, len(text)) in range(4)
        assert outcome.gaps == []


async def test_older_than_the_buffer_starts_at_its_earliest_byte(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    reading = asyncio.create_task(peer.rest())
    await process.print("漢".encode() * 50_000)
    process.end(0)
    assert len((await reading).stdout) == 150_000
    silent = await attach(fake.path)
    told = await attach(fake.path, gaps=True, stdout_offset=7)
    start = silent.first["stdout"]
    assert 150_000 - start in range(64 * 1024 - 2, 64 * 1024 + 1)
    assert told.gaps == [("stdout", 7, start)]
    assert silent.gaps == []
    assert silent.stdout == told.stdout == "漢".encode() * ((150_000 - start) // 3)


async def test_what_was_typed_before_the_start_arrives(fake: FakeShim) -> None:
    fake.spawner.gate.clear()
    peer = await Peer.run(fake.path, "x")
    peer.type(b"early ")
    peer.type(b"bird")
    peer.send("close_stdin")
    fake.spawner.gate.set()
    process = await fake.spawner.process()
    received = b""
    while piece := await asyncio.to_thread(os.read, process.input, 100):
        received += piece
    assert received == b"early bird"
    process.end(0)
    await peer.rest()


async def test_signals_sizes_and_unknown_orders(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", pty=True, rows=10, cols=20)
    process = await fake.spawner.process()
    peer.send("resize", rows=30, cols=40)
    peer.send("signal", signal="SIGINT")
    peer.send("dance")
    outcome = await peer.rest()
    assert outcome.error_type == "CommandError"
    assert "dance" in outcome.final["error"]
    assert process.sizes == [TerminalSize(30, 40)]
    assert process.signals == [signal.SIGINT]
    command = await wait_for(fake.path, readers=0)
    assert (command["rows"], command["cols"], command["state"]) == (30, 40, "running")


async def test_orders_without_a_stream(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    answer = await (await Peer.ask(fake.path, "signal", command_id="c", signal="SIGHUP")).rest()
    assert (answer.final, process.signals) == ({"type": "done"}, [signal.SIGHUP])
    answer = await (await Peer.ask(fake.path, "kill", command_id="c")).rest()
    assert answer.final == {"type": "done"}
    assert (await peer.rest()).exit_code == 137
    assert (await commands(fake.path))[0]["ended_by"] == "kill"
    answer = await (await Peer.ask(fake.path, "kill", command_id="d")).rest()
    assert answer.error_type == "CommandNotFound"


async def test_timeout_now_and_later(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", timeout=0.1)
    process = await fake.spawner.process()
    process.push(b"almost")
    outcome = await peer.rest()
    assert (outcome.stdout, outcome.error_type, process.killed) == (b"almost", "CommandTimeout", 1)
    assert "0.1 seconds" in outcome.final["error"]
    later = await attach(fake.path)
    assert (later.stdout, later.error_type) == (b"almost", "CommandTimeout")


async def test_kill_while_starting(fake: FakeShim) -> None:
    fake.spawner.gate.clear()
    peer = await Peer.run(fake.path, "x")
    peer.send("kill")
    await wait_for(fake.path, ended_by="kill")
    fake.spawner.gate.set()
    assert (await peer.rest()).exit_code == 137


async def test_no_readers_for_long(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", idle_timeout=0.1)
    process = await fake.spawner.process()
    await peer.message("started")
    peer.drop()
    command = await wait_for(fake.path, state="exited")
    assert (command["ended_by"], command["exit_code"], process.killed) == ("idle", 137, 1)


async def test_a_reader_stops_the_idle_clock(fake: FakeShim) -> None:
    first = await Peer.run(fake.path, "x", idle_timeout=0.3)
    await first.message("started")
    await first.leave()
    await wait_for(fake.path, readers=0)
    second = await Peer.ask(fake.path, "attach", command_id="c")
    await wait_for(fake.path, readers=1)
    process = await fake.spawner.process()
    await asyncio.sleep(0.5)
    assert process.killed == 0
    process.end(0)
    assert (await second.rest()).exit_code == 0


async def test_kill_on_disconnect_at_once_when_told(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(linger_seconds=60) as shim:
        peer = await Peer.run(shim.path, "x", kill_on_disconnect=True)
        await peer.message("started")
        await peer.leave()
        assert (await wait_for(shim.path, state="exited"))["ended_by"] == "disconnect"


async def test_kill_on_disconnect_after_a_while_when_lost(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(linger_seconds=0.3) as shim:
        peer = await Peer.run(shim.path, "x", kill_on_disconnect=True)
        await peer.message("started")
        peer.drop()
        await wait_for(shim.path, readers=0)
        again = await Peer.ask(shim.path, "attach", command_id="c")
        await wait_for(shim.path, readers=1, state="running")
        again.drop()
        assert (await wait_for(shim.path, state="exited"))["ended_by"] == "disconnect"


async def test_kill_on_disconnect_waits_for_the_last(fake: FakeShim) -> None:
    first = await Peer.run(fake.path, "x", kill_on_disconnect=True)
    second = await Peer.ask(fake.path, "attach", command_id="c")
    await wait_for(fake.path, readers=2)
    await first.leave()
    await wait_for(fake.path, readers=1, state="running")
    await second.leave()
    await wait_for(fake.path, state="exited", ended_by="disconnect")


async def test_time_to_live(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", ttl=0.3)
    (await fake.spawner.process()).end(0)
    assert (await peer.rest()).exit_code == 0
    assert (await attach(fake.path)).exit_code == 0
    async with asyncio.timeout(5):
        while await commands(fake.path):
            await asyncio.sleep(0.02)
    assert (await attach(fake.path)).error_type == "SessionExpired"
    assert (await run(fake.path, "x")).error_type == "SessionExpired"
    assert (await attach(fake.path, "other")).error_type == "CommandNotFound"


async def test_no_time_to_live_still_tells_who_is_there(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", ttl=0)
    process = await fake.spawner.process()
    process.push(b"last words")
    process.end(4)
    outcome = await peer.rest()
    assert (outcome.stdout, outcome.exit_code) == (b"last words", 4)
    assert (await attach(fake.path)).error_type == "SessionExpired"


async def test_a_child_that_holds_the_pipe_does_not_hold_the_exit(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    process.push(b"own output")
    process.end(0, keep_open=True)
    outcome = await peer.rest()
    assert (outcome.stdout, outcome.exit_code) == (b"own output", 0)
    process.push(b", and the child's")
    await wait_for(fake.path, stdout=[0, 27])
    later = await attach(fake.path)
    assert (later.stdout, later.exit_code) == (b"own output, and the child's", 0)


async def test_a_surviving_child_can_write_after_the_session_expired(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", ttl=0)
    process = await fake.spawner.process()
    process.end(0, keep_open=True)
    await peer.rest()
    await process.print(b"log line\n" * 100_000)
    assert await commands(fake.path) == []
    process.hang_up()


async def test_the_end_of_the_sandbox_ends_its_commands(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x")
    process = await fake.spawner.process()
    process.push(b"cut ")
    await peer.until(b"cut ")
    fake.spawner.end()
    outcome = await peer.rest()
    assert (outcome.error_type, outcome.final["error"]) == ("CommandError", "the sandbox has ended")
    await fake.serving
    assert not fake.path.exists()


async def test_modes_come_before_the_output(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", pty=True, rows=11, cols=22)
    process = await fake.spawner.process()
    process.push(b"\x1b[?1049h\x1b[?2004hscreen")
    await peer.until(b"screen")
    late = await Peer.ask(fake.path, "attach", command_id="c", modes=True, stdout_offset=10_000)
    message = await late.message("modes")
    assert (message["sequence"], message["rows"], message["cols"]) == ("\x1b[?1049h\x1b[?2004h", 11, 22)
    assert message["end"] == 22
    early = await Peer.ask(fake.path, "attach", command_id="c", modes=True, stdout_offset=8)
    assert (await early.message("modes"))["sequence"] == "\x1b[?1049h"
    assert (await commands(fake.path))[0]["modes"] == [1049, 2004]
    process.end(0)
    assert (await late.rest()).stdout == b""
    assert (await early.rest()).stdout == b"\x1b[?2004hscreen"


async def test_who_watches_is_told_each_size_in_its_place(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", pty=True, rows=11, cols=22)
    process = await fake.spawner.process()
    process.push(b"one")
    await peer.until(b"one")
    for rows in (12, 12, 13):
        peer.send("resize", rows=rows, cols=22)
    live = await Peer.ask(fake.path, "attach", command_id="c", watch=True, stdout_offset=3)
    while (await live.message("resized"))["rows"] != 13:
        pass
    process.push(b"two")
    await peer.until(b"two")
    process.end(0)
    assert (await live.rest()).stdout == b"two"
    outcome = await attach(fake.path, watch=True)
    sizes = [(each["rows"], each["offset"]) for each in outcome.messages if each["type"] == "resized"]
    assert sizes == [(11, 0), (12, 3), (13, 3)]
    assert outcome.stdout == b"onetwo"
    assert "resized" not in [each["type"] for each in (await attach(fake.path)).messages]


async def test_modes_whose_text_was_evicted_are_still_told(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", pty=True)
    process = await fake.spawner.process()
    reading = asyncio.create_task(peer.rest())
    await process.print(b"\x1b[?1h" + b"x" * 100_000 + b"\x1b[?25l")
    process.end(0)
    await reading
    outcome = await attach(fake.path, modes=True)
    assert outcome.messages[0]["sequence"] == "\x1b[?1h"
    assert outcome.stdout.endswith(b"\x1b[?25l")
