"""Commands of a sandbox: recorded whatever happens to the server, listed, killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sandboxcore.server.config import Settings
from sandboxcore.server.db.engine import Database
from sandboxcore.server.services import commands
from tests.server.conftest import DATABASES, client_of, unique
from tests.server.live import Commands
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from tests.server.running import Sandboxd

    LiveOf = Callable[[Sandboxd, dict[str, Any]], Commands]

ACTOR = {"X-Sandbox-Actor": "Ann"}


@pytest_asyncio.fixture
async def live_of() -> AsyncIterator[LiveOf]:
    """Opens live commands of sandboxes of any server."""
    opened: list[Commands] = []

    def make(server: Sandboxd, box: dict[str, Any]) -> Commands:
        opened.append(Commands(box["dataplane_url"], server.key))
        return opened[-1]

    yield make
    for each in opened:
        await each.close()


async def commands_of(api: httpx.AsyncClient, box: str, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"/boxes/{box}/commands", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["commands"]
    return found


async def execute(api: httpx.AsyncClient, box: dict[str, Any], command: str, **fields: Any) -> httpx.Response:
    return await api.post(f"{box['dataplane_url']}/execute", json={"command": command, **fields})


async def test_it_works(sandboxd: Sandboxd, api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    async with client_of(sandboxd, sandboxd.console_key) as console:
        body = {"command": "echo hi; exit 3", "env": {"TOKEN": "s3cret", "MODE": "x"}, "cwd": "/tmp"}
        ran = await console.post(f"{box['dataplane_url']}/execute", json=body, headers=ACTOR)
    assert ran.json()["exit_code"] == 3
    [command] = await commands_of(api, box["name"])
    assert command.pop("id")
    assert command.pop("started_at") <= command.pop("ended_at")
    assert 0 < command.pop("seconds") < 20
    assert command == {
        "command": "echo hi; exit 3",
        "command_cut": False,
        "cwd": "/tmp",
        "env_names": ["TOKEN", "MODE"],
        "pty": False,
        "origin": "http",
        "actor": "Ann",
        "status": "exited",
        "exit_code": 3,
        "error": None,
        "stdout_bytes": 3,
        "stderr_bytes": 0,
        "output": "kept",
    }


async def test_values_of_variables_are_nowhere(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd()
    async with client_of(server) as api:
        box = await new_box(api)
        await execute(api, box, "true", env={"TOKEN": "v4lue-of-token"})
        assert (await commands_of(api, box["id"]))[0]["env_names"] == ["TOKEN"]
        server.stop()
    with sqlite3.connect(server.folder / "state" / "sandboxd.sqlite3") as database:
        assert not [line for line in database.iterdump() if "v4lue-of-token" in line]


async def new_box(api: httpx.AsyncClient) -> dict[str, Any]:
    template = unique("template")
    assert (await api.post("/templates", json={"name": template, "image": "host"})).status_code == 201
    made = await api.post("/boxes", json={"template_name": template})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def test_a_long_line_is_cut_and_says_so(api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    await execute(api, box, "true #" + "é" * 5000)
    [command] = await commands_of(api, box["name"])
    assert command["command_cut"]
    assert command["command"] == "true #" + "é" * 2045


async def test_hostile_texts_are_kept_as_they_are(api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    line = "echo '<script>\x1b[31m\u202e\U0001f600' | cat"
    await execute(api, box, line, env={f"N{number}" * 20: "" for number in range(200)})
    [command] = await commands_of(api, box["name"])
    assert command["command"] == line
    assert 0 < len(command["env_names"]) < 200


async def test_streams_and_terminals(api: httpx.AsyncClient, box: dict[str, Any], live: Commands) -> None:
    await (await live.run("echo streamed", command_id="one")).end()
    await (await live.run("tty", command_id="two", pty=True)).end()
    found = {each["id"]: each for each in await commands_of(api, box["name"])}
    assert (found["one"]["origin"], found["one"]["pty"]) == ("stream", False)
    assert (found["two"]["origin"], found["two"]["pty"]) == ("terminal", True)
    shell = await live.run("", command_id="shell", pty=True)
    await shell.started()
    assert (await one(api, box, "shell"))["command"].endswith("-l")


async def one(api: httpx.AsyncClient, box: dict[str, Any], command_id: str) -> dict[str, Any]:
    answer = await api.get(f"/boxes/{box['id']}/commands/{command_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_command_that_runs_is_live_and_can_be_killed(
    api: httpx.AsyncClient, box: dict[str, Any], live: Commands
) -> None:
    running = await live.run("echo begun; sleep 60", command_id="long")
    await running.started()
    await running.until("begun")
    found = await one(api, box, "long")
    assert (found["status"], found["output"], found["stdout_bytes"]) == ("running", "live", 6)
    assert (found["ended_at"], found["seconds"], found["exit_code"]) == (None, None, None)
    killed = await api.post(f"/boxes/{box['name']}/commands/long/kill")
    assert (killed.status_code, killed.content) == (204, b"")
    assert (await running.end())["type"] == "exit"
    found = await one(api, box, "long")
    assert (found["status"], found["exit_code"], found["output"]) == ("killed", 137, "kept")
    again = await api.post(f"/boxes/{box['name']}/commands/long/kill")
    assert (again.status_code, again.json()["detail"]["error"]) == (409, "NotRunning")
    missing = await api.post(f"/boxes/{box['name']}/commands/none/kill")
    assert missing.status_code == 404


async def test_how_commands_end(api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    await execute(api, box, "sleep 60", timeout=0.1)
    await execute(api, box, "true", cwd="/does/not/exist")
    failed, slow = await commands_of(api, box["name"])
    assert (slow["status"], slow["exit_code"]) == ("timed_out", 137)
    assert (failed["status"], failed["exit_code"]) == ("failed", None)
    assert "/does/not/exist" in failed["error"]


async def test_output_that_is_not_kept_is_gone(api: httpx.AsyncClient, box: dict[str, Any], live: Commands) -> None:
    await (await live.run("echo x", command_id="short", ttl_seconds=0)).end()
    await (await live.run("echo x", command_id="kept", ttl_seconds=60)).end()
    found = {each["id"]: each["output"] for each in await commands_of(api, box["name"])}
    assert found == {"short": "gone", "kept": "kept"}


async def test_the_list_pages_sorts_and_narrows(api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    for number in range(5):
        await execute(api, box, f"exit {number}")
    first = (await api.get(f"/boxes/{box['name']}/commands", params={"limit": 2})).json()
    assert ([each["exit_code"] for each in first["commands"]], first["total"]) == ([4, 3], 5)
    second = (await api.get(f"/boxes/{box['name']}/commands", params={"cursor": first["next_cursor"]})).json()
    assert [each["exit_code"] for each in second["commands"]] == [2, 1, 0]
    assert second["next_cursor"] is None
    assert [each["command"] for each in await commands_of(api, box["id"], q="exit 3")] == ["exit 3"]
    assert [each["exit_code"] for each in await commands_of(api, box["id"], sort="exit_code")] == [0, 1, 2, 3, 4]
    assert await commands_of(api, box["id"], status="running") == []
    assert len(await commands_of(api, box["id"], origin="http", actor="api")) == 5
    assert (await api.get(f"/boxes/{box['id']}/commands", params={"status": "odd"})).status_code == 422


async def test_commands_of_an_ended_sandbox_are_known_by_its_identifier(
    api: httpx.AsyncClient, box: dict[str, Any], live: Commands
) -> None:
    running = await live.run("sleep 60", command_id="long")
    await running.started()
    await execute(api, box, "exit 5")
    assert (await api.delete(f"/boxes/{box['name']}")).status_code == 204
    done, long = await commands_of(api, box["id"])
    assert (done["status"], done["exit_code"], done["output"]) == ("exited", 5, "gone")
    async with asyncio.timeout(20):
        while long["status"] == "running":
            done, long = await commands_of(api, box["id"])
    assert (long["status"], long["output"]) == ("killed", "gone")
    assert long["ended_at"] is not None
    assert (await api.get(f"/boxes/{box['name']}/commands")).status_code == 404
    assert (await api.post(f"/boxes/{box['id']}/commands/long/kill")).status_code == 409


async def test_a_sandbox_from_a_pool_shows_nothing_of_before(api: httpx.AsyncClient, template: str) -> None:
    pool = await api.post("/pools", json={"name": unique("pool"), "template_name": template, "replicas": 1})
    assert pool.status_code == 201, pool.text
    box = (await api.post("/boxes", json={"template_name": template})).json()
    await api.delete(f"/pools/{pool.json()['name']}")
    events = (await api.get(f"/boxes/{box['id']}/events")).json()["events"]
    assert events[0]["data"]["start"] == "warm"
    assert await commands_of(api, box["id"]) == []
    await execute(api, box, "true")
    assert len(await commands_of(api, box["id"])) == 1
    await api.delete(f"/boxes/{box['id']}")


@pytest.mark.parametrize("database", DATABASES)
async def test_a_killed_server_loses_no_command(
    own_sandboxd: Callable[..., Sandboxd], live_of: LiveOf, database: str
) -> None:
    server = own_sandboxd(postgres=database == "postgresql")
    async with client_of(server) as api:
        box = await new_box(api)
        live = live_of(server, box)
        flag = server.folder / uuid.uuid4().hex
        for name in ("ends", "goes-on"):
            await (
                await live.run(f"while [ ! -e {flag}-{name} ]; do sleep 0.01; done; exit 6", command_id=name)
            ).started()
        server.stop(signal.SIGKILL)  # nothing of them was asked for or written down yet, or just
        (server.folder / f"{flag.name}-ends").touch()
        server.start()
        box["dataplane_url"] = f"{server.origin}/v2/sandboxes/boxes/{box['id']}/dataplane"
    async with client_of(server) as api:
        async with asyncio.timeout(20):
            while (await one(api, box, "ends"))["status"] == "running":
                continue
        ended, running = await one(api, box, "ends"), await one(api, box, "goes-on")
        assert (ended["status"], ended["exit_code"], ended["output"]) == ("exited", 6, "kept")
        assert (running["status"], running["output"]) == ("running", "live")


def stored(server: Sandboxd, command_id: str) -> str | None:
    """A command's status as the database has it, without asking anybody to look."""
    with sqlite3.connect(server.folder / "state" / "sandboxd.sqlite3") as database:
        row = database.execute("SELECT status FROM commands WHERE id = ?", (command_id,)).fetchone()
    return row[0] if row else None


async def test_an_end_that_nobody_reads_is_learned(own_sandboxd: Callable[..., Sandboxd], live_of: LiveOf) -> None:
    server = own_sandboxd()
    async with client_of(server) as api:
        box = await new_box(api)
        live = live_of(server, box)
        flag = server.folder / "flag"
        line = f"while [ ! -e {flag} ]; do sleep 0.01; done"
        attached = await live.run(line, command_id="alone", ttl_seconds=0)
        await attached.started()
        await live.close()
        await asyncio.to_thread(until, lambda: stored(server, "alone") == "running")
        flag.touch()
        await asyncio.to_thread(until, lambda: stored(server, "alone") == "exited")


async def test_a_shim_that_dies_loses_its_commands(own_sandboxd: Callable[..., Sandboxd], live_of: LiveOf) -> None:
    server = own_sandboxd()
    async with client_of(server) as api:
        box = await new_box(api)
        live = live_of(server, box)
        await (await live.run("sleep 60", command_id="long")).started()
        await asyncio.to_thread(until, lambda: stored(server, "long") == "running")
        shim = (await execute(api, box, "echo $PPID")).json()["stdout"]
        os.kill(int(shim), signal.SIGKILL)
        await asyncio.to_thread(until, lambda: stored(server, "long") == "lost")
        found = await one(api, box, "long")
        assert (found["status"], found["exit_code"], found["output"]) == ("lost", None, "gone")


@pytest.mark.skipif("postgresql" not in DATABASES, reason="needs SANDBOXD_TEST_POSTGRES_URL; CI has it")
async def test_two_servers_show_the_same(own_sandboxd: Callable[..., Sandboxd]) -> None:
    first = own_sandboxd(postgres=True)
    second = first.beside()
    try:
        async with client_of(first) as one_api, client_of(second) as other:
            box = await new_box(one_api)
            await asyncio.gather(*(execute(one_api, box, f"exit {number}") for number in range(8)))
            left, right = await asyncio.gather(commands_of(one_api, box["id"]), commands_of(other, box["id"]))
            assert left == right
            assert sorted(each["exit_code"] for each in left) == list(range(8))
            # Whoever ends it has run nothing there itself.
            assert (await other.delete(f"/boxes/{box['id']}")).status_code == 204
            assert len(await commands_of(one_api, box["id"])) == 8
    finally:
        second.stop()


async def test_the_newest_are_kept(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd()
    async with client_of(server) as api:
        box = await new_box(api)
        for number in range(6):
            await execute(api, box, f"exit {number}")
        assert len(await commands_of(api, box["id"])) == 6
        database = Database(Settings.load({"SANDBOXD_STATE_DIR": str(server.folder / "state")}).effective_database_url)
        await commands.trim(database, [box["id"]], most=4)
        await database.close()
        assert [each["exit_code"] for each in await commands_of(api, box["id"])] == [5, 4, 3, 2]
