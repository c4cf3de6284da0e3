"""What a shim tells of commands that began and ended, and when it forgets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.shim.peer import Peer, run, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.shim.conftest import FakeShim


async def told(path: Any, after: int = 0, *, held: bool = False) -> dict[str, Any]:
    """The shim's answer, put together."""
    outcome = await (await Peer.ask(path, "history", after=after, held=held)).rest()
    entries = [entry for message in outcome.messages for entry in message["entries"]]
    return {**outcome.messages[-1], "entries": entries}


async def ids(path: Any, after: int = 0) -> list[str]:
    return [entry["command_id"] for entry in (await told(path, after))["entries"]]


async def test_it_works(fake: FakeShim) -> None:
    peer = await Peer.run(fake.path, "x", recorded=True, label="greet", meta={"actor": "ann"}, cwd="/srv")
    process = await fake.spawner.process()
    await process.print(b"hello")
    await peer.until(b"hello")
    answer = await told(fake.path, held=True)
    [entry] = answer["entries"]
    assert (entry["number"], entry["state"], entry["label"], entry["cwd"]) == (1, "running", "greet", "/srv")
    assert (answer["running"], answer["held"]) == (["c"], {"c": [5, 0]})
    process.end(3)
    assert (await peer.rest()).exit_code == 3
    answer = await told(fake.path, 1)
    [entry] = answer["entries"]
    assert (entry["number"], entry["state"], entry["exit_code"], entry["stdout"]) == (2, "exited", 3, 5)
    assert entry["meta"] == {"actor": "ann"}
    assert answer["running"] == []


async def test_what_is_not_to_be_recorded_is_not_told(sandbox: Path) -> None:
    await run(sandbox, "true", command_id="rehearsal")
    assert await ids(sandbox) == []


async def test_asking_for_what_follows_forgets_what_had_ended(sandbox: Path) -> None:
    for name in ("a", "b"):
        await run(sandbox, "true", command_id=name, recorded=True)
    entries = (await told(sandbox))["entries"]
    assert [entry["command_id"] for entry in entries] == ["a", "b"]
    assert await ids(sandbox) == ["a", "b"]
    assert await ids(sandbox, entries[0]["number"]) == ["b"]
    assert await ids(sandbox) == ["b"]


async def test_what_runs_is_never_forgotten(fake: FakeShim) -> None:
    await Peer.run(fake.path, "x", recorded=True)
    await fake.spawner.process()
    assert await ids(fake.path, 1) == []
    assert await ids(fake.path) == ["c"]


async def test_an_end_outlives_its_session(sandbox: Path) -> None:
    await run(sandbox, "echo out; exit 4", command_id="short", recorded=True, ttl=0)
    await run(sandbox, "true", command_id="next", recorded=True)
    answer = await told(sandbox, held=True)
    assert (answer["entries"][0]["command_id"], answer["entries"][0]["exit_code"]) == ("short", 4)
    assert "short" not in answer["held"]


async def test_how_it_ended_is_told(sandbox: Path) -> None:
    await run(sandbox, "sleep 60", command_id="slow", recorded=True, timeout=0.05)
    await run(sandbox, "true", command_id="nowhere", recorded=True, cwd="/does/not/exist")
    slow, nowhere = (await told(sandbox))["entries"]
    assert (slow["ended_by"], slow["state"]) == ("timeout", "exited")
    assert (nowhere["ended_by"], nowhere["exit_code"]) == (None, None)
    assert nowhere["error"]


async def test_the_oldest_ends_make_room(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(history_commands=3) as shim:
        await Peer.run(shim.path, "x", command_id="running", recorded=True)
        await shim.spawner.process()
        for number in range(5):
            peer = await Peer.run(shim.path, "x", command_id=str(number), recorded=True)
            (await shim.spawner.process(number + 1)).end(0)
            await peer.rest()
        assert sorted(await ids(shim.path)) == ["2", "3", "4", "running"]


async def test_long_texts_make_room_too(serve_fake: Callable[..., Any]) -> None:
    async with serve_fake(history_bytes=10_000) as shim:
        for number in range(4):
            peer = await Peer.run(shim.path, "x", command_id=str(number), recorded=True, label="l" * 4000)
            (await shim.spawner.process(number)).end(0)
            await peer.rest()
        assert await ids(shim.path) == ["2", "3"]


async def test_a_long_history_comes_in_parts(sandbox: Path) -> None:
    for number in range(12):
        await run(sandbox, "true", command_id=str(number), recorded=True, label="\x01" * 4000)
    outcome = await (await Peer.ask(sandbox, "history", after=0)).rest()
    assert len(outcome.messages) > 1
    assert all(message["more"] for message in outcome.messages[:-1])
    assert await ids(sandbox) == [str(number) for number in range(12)]
    await wait_for(sandbox, "11", state="exited")


async def test_a_bad_number_is_refused(sandbox: Path) -> None:
    outcome = await (await Peer.ask(sandbox, "history", after="x")).rest()
    assert outcome.final["type"] == "error"
