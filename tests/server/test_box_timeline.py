"""``GET /boxes/{name}/timeline``: all that happened to a sandbox, in one order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Access, Command, EndedSandbox, Sandbox
from sandboxcore.server.services import box_timeline, commands
from sandboxcore.server.services.box_timeline import BadPositionError, Position
from sandboxcore.server.services.commands import Place
from sandboxcore.server.services.retention import forget_the_past
from tests.server.conftest import client_of, unique
from tests.server.test_commands import ACTOR
from tests.server.test_creating import with_template
from tests.server.test_event_stream import new_key
from tests.server.tunneling import listening, tunnel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside
    from tests.server.live import Commands
    from tests.server.running import Sandboxd

    Start = Callable[..., Awaitable[Inside]]


async def timeline(api: httpx.AsyncClient, box: str, **asked: Any) -> dict[str, Any]:
    answer = await api.get(f"/boxes/{box}/timeline", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def with_kinds(api: httpx.AsyncClient, box: str, *kinds: str) -> dict[str, dict[str, Any]]:
    """The newest entry of each of these kinds, as soon as all are there."""
    async with asyncio.timeout(20):
        while True:
            found = {entry["kind"]: entry for entry in reversed((await timeline(api, box))["entries"])}
            if set(kinds) <= set(found):
                return found
            await asyncio.sleep(0.05)


async def test_it_works(sandboxd: Sandboxd, api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    async with client_of(sandboxd, sandboxd.console_key) as console:
        console.headers.update(ACTOR)
        await console.post(f"{box['dataplane_url']}/upload", params={"path": "/tmp/a"}, files={"file": b"abc"})
        await console.get(f"{box['dataplane_url']}/download", params={"path": "/tmp/a"})
        await console.post(f"{box['dataplane_url']}/execute", json={"command": "exit 3"})
        await console.post(f"/boxes/{box['name']}/service-url", json={"port": 8080})
    found = await with_kinds(api, box["name"], "file.written", "file.read", "service.shared")
    assert found["file.written"]["actor"] == "Ann"
    assert found["file.written"]["summary"]["paths"] == ["/tmp/a"]
    assert (found["file.read"]["summary"]["count"], found["file.read"]["summary"]["bytes"]) == (1, 3)
    assert found["service.shared"]["summary"]["ports"] == [8080]
    ended = found["command.ended"]["summary"]
    assert (ended["command"], ended["exit_code"], ended["status"], ended["origin"]) == ("exit 3", 3, "exited", "http")
    assert found["command.started"]["id"] == found["command.ended"]["id"]
    phases = found["sandbox.ready"]["summary"]["phases"]
    assert [phase["name"] for phase in phases] == ["waiting", "making", "reaching"]
    total = found["sandbox.ready"]["summary"]["seconds"]
    assert sum(phase["seconds"] for phase in phases) == pytest.approx(total, abs=0.001)
    moments = [entry["at"] for entry in (await timeline(api, box["name"]))["entries"]]
    assert moments == sorted(moments, reverse=True)


async def test_tunnels_and_terminals(
    sandboxd: Sandboxd, api: httpx.AsyncClient, box: dict[str, Any], live: Commands
) -> None:
    port, _ = await listening(live, "echo")
    async with tunnel(box, sandboxd.key) as client:
        for _ in range(2):
            _, stream = await client.dial(port)
            await stream.write(b"hello")
            assert await stream.read_exactly(5) == b"hello"
    shell = await live.run("cat", command_id="shell", pty=True)
    await shell.started()
    await shell.socket.close()
    found = await with_kinds(api, box["id"], "tunnel.opened", "tunnel.closed", "terminal.opened", "terminal.closed")
    assert (found["tunnel.opened"]["summary"]["count"], found["tunnel.opened"]["summary"]["ports"]) == (1, [port])
    assert (found["tunnel.closed"]["summary"]["bytes"], found["tunnel.closed"]["summary"]["ports"]) == (20, [port])
    assert found["terminal.opened"]["summary"]["command_ids"] == ["shell"]
    again = await live.attach("shell")
    await again.send(type="input", data="x\n")
    await again.until("x")
    async with asyncio.timeout(20):
        while (await with_kinds(api, box["id"], "terminal.opened"))["terminal.opened"]["summary"]["count"] < 2:
            await asyncio.sleep(0.05)


async def test_pages_follow_one_another(inside: Start) -> None:
    app = await with_template(inside)
    box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    place = await place_of(app, box["id"])
    moment = now()
    # Three of them at one moment, and one that ends as it starts.
    entries = [entry(f"c{number}", moment + number // 3, moment + 5) for number in range(7)]
    await commands.write_down(app.core.database, [(place, entries)])
    for actor in "abc":
        app.core.accesses.note_of(place.sandbox_id, place.workspace_id, actor, "file.read", paths="/x")
    await app.core.accesses.write_down()
    whole = (await timeline(app.client, box["id"], limit=1000))["entries"]
    assert len(whole) == 2 + 14 + 3
    for limit in (1, 2, 3, 7):
        seen: list[Any] = []
        before: dict[str, Any] = {}
        while True:
            part = await timeline(app.client, box["id"], limit=limit, **before)
            seen += part["entries"]
            if part["next_before"] is None:
                break
            before = {"before": part["next_before"]}
        assert seen == whole


def entry(command_id: str, started: float, ended: float | None, **more: Any) -> dict[str, Any]:
    """What a shim tells of a command."""
    return {
        "number": 1,
        "command_id": command_id,
        "state": "running" if ended is None else "exited",
        "label": "true",
        "meta": {"actor": "ann", "origin": "http"},
        "cwd": None,
        "pty": False,
        "started_at": started,
        "finished_at": ended,
        "exit_code": None if ended is None else 0,
        "ended_by": None,
        "error": None,
        "stdout": 0,
        "stderr": 0,
        **more,
    }


async def place_of(app: Inside, sandbox_id: str) -> Place:
    row = await app.core.database.fetch_one(select(Sandbox.workspace_id).where(Sandbox.id == sandbox_id), {})
    assert row is not None
    return Place(sandbox_id, row[0], "/nowhere")


async def test_what_is_older_is_not_written_over_what_is_newer(inside: Start) -> None:
    app = await with_template(inside)
    box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    place = await place_of(app, box["id"])
    await commands.write_down(app.core.database, [(place, [entry("c", 1.0, 2.0, number=2)])])
    await commands.write_down(app.core.database, [(place, [entry("c", 1.0, None, number=1)])])
    found = (await app.client.get(f"/boxes/{box['id']}/commands/c")).json()
    assert (found["status"], found["exit_code"]) == ("exited", 0)


async def test_all_of_it_is_forgotten_with_the_history(inside: Start) -> None:
    app = await with_template(inside)
    box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    place = await place_of(app, box["id"])
    await commands.write_down(app.core.database, [(place, [entry("c", now(), now())])])
    app.core.accesses.note_of(place.sandbox_id, place.workspace_id, "ann", "file.read")
    await app.core.accesses.write_down()
    await app.client.delete(f"/boxes/{box['id']}")
    kinds = [each["kind"] for each in (await timeline(app.client, box["id"]))["entries"]]
    assert {"command.ended", "file.read", "sandbox.deleting"} <= set(kinds)
    await forget_the_past(app.core.database, actor="test", days=0, most=100)
    for table in (EndedSandbox.id, Command.sandbox_id, Access.sandbox_id):
        assert await app.core.database.fetch_all(select(table).where(table == box["id"]), {}) == []
    assert (await app.client.get(f"/boxes/{box['id']}/timeline")).status_code == 404


async def test_another_workspace_sees_nothing(
    sandboxd: Sandboxd, api: httpx.AsyncClient, box: dict[str, Any], clients: Any
) -> None:
    other = clients(sandboxd, new_key(sandboxd, "read", workspace=unique("other")))
    for path in ("timeline", "commands"):
        assert (await other.get(f"/boxes/{box['id']}/{path}")).status_code == 404


@pytest.mark.parametrize(
    "text", ["", "x", "bnVsbA", "W10", "WzEsMCwxXQ", "WzEuMCw5LDFd", "WzEuMCwwLCJhIl0", "WzEuMCwxLCJcdTAwMDAiXQ", "é"]
)
async def test_a_bad_position_is_refused(inside: Start, text: str) -> None:
    app = await with_template(inside)
    box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    answer = await app.client.get(f"/boxes/{box['id']}/timeline", params={"before": text})
    assert answer.status_code == 422, answer.text


def test_a_position_is_read_as_it_was_written() -> None:
    position = Position(1.25, 1, "an id")
    assert Position.parse(position.text()) == position
    with pytest.raises(BadPositionError):
        Position.parse(Position(float("nan"), 1, "x").text())
    with pytest.raises(BadPositionError):
        Position.parse(Position(1.0, 0, 2**63).text())
    assert len(Position(1.0, 3, "\x01" * 128).text()) < box_timeline.MAX_LENGTH
