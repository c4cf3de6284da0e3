"""Sandboxes whose time has come."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from websockets.asyncio.client import connect

from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.reaper import reap
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd

    Start = Callable[..., Awaitable[Inside]]


async def make(server: Inside, **body: Any) -> str:
    return str((await server.client.post("/boxes", json={"template_name": "t", **body})).json()["id"])


async def age(server: Inside, sandbox_id: str, seconds: float) -> None:
    """Move a sandbox's whole life back in time."""
    async with server.core.database.write() as session:
        await session.execute(
            update(Sandbox)
            .where(Sandbox.id == sandbox_id)
            .values(
                created_at=Sandbox.created_at - seconds,
                last_activity_at=Sandbox.last_activity_at - seconds,
                expires_at=Sandbox.expires_at - seconds,
            )
        )


async def test_a_lifetime_ends_it(inside: Start) -> None:
    server = await with_template(inside)
    old, young = await make(server, ttl_seconds=60), await make(server, ttl_seconds=60)
    await age(server, old, 61)
    server.core.activity.touch(old)
    await reap(server.core)
    assert (await server.client.get(f"/boxes/{old}")).status_code == 404
    assert (await server.client.get(f"/boxes/{young}")).status_code == 200
    assert server.runtime.destroyed == [old]


async def test_idle_time_ends_it_unless_it_was_used(inside: Start) -> None:
    server = await with_template(inside)
    idle, used = await make(server, idle_ttl_seconds=60), await make(server, idle_ttl_seconds=60)
    for sandbox_id in (idle, used):
        await age(server, sandbox_id, 10_000)  # another server on the database gets its time to object
    server.core.activity.touch(used)
    await reap(server.core)
    assert (await server.client.get(f"/boxes/{idle}")).status_code == 404
    found = (await server.client.get(f"/boxes/{used}")).json()
    assert found["status"] == "ready"
    await reap(server.core)
    assert server.runtime.destroyed == [idle]


async def test_without_lifetimes_nothing_ends(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await make(server)
    await age(server, sandbox_id, 10**8)
    await reap(server.core)
    assert server.runtime.destroyed == []


async def test_activity_is_written_at_most_once_a_minute(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await make(server, idle_ttl_seconds=60)
    activity = server.core.activity
    stored = []
    for _ in range(3):
        activity.touch(sandbox_id)
        await activity.write_down()
        async with server.core.database.read() as session:
            stored.append(await _last(session, sandbox_id))
    assert stored[0] == stored[1] == stored[2]
    await activity.write_down(everything=True)
    async with server.core.database.read() as session:
        assert await _last(session, sandbox_id) > stored[0]


async def _last(session: Any, sandbox_id: str) -> float:
    moment: float = await session.scalar(select(Sandbox.last_activity_at).where(Sandbox.id == sandbox_id))
    return moment


async def test_a_running_command_delays_idleness_and_a_waiting_shell_does_not(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    """On the real server, with a database moved back in time: the program runs on, the shell's sandbox ends."""
    server = own_sandboxd(reap_interval=0.5)
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    boxes = {}
    for name, request in {
        "program": {"command": "sleep 600", "timeout": 0},
        "shell": {"command": "cat", "pty": True, "timeout": 0},
    }.items():
        boxes[name] = (
            await api.post("/boxes", json={"template_name": "t", "name": name, "idle_ttl_seconds": 60})
        ).json()
        url = boxes[name]["dataplane_url"].replace("http", "ws") + "/execute/ws"
        async with connect(url, additional_headers={"X-Api-Key": server.key}) as socket:
            await socket.send(json.dumps({"type": "execute", **request}))
            assert json.loads(await socket.recv())["type"] == "started"
    server.stop()
    database = sqlite3.connect(server.folder / "state" / "sandboxd.sqlite3")
    past = time.time() - 600
    database.execute("UPDATE sandboxes SET last_activity_at = ?, expires_at = ?", (past, past + 60))
    database.commit()
    database.close()
    server.start()
    async with asyncio.timeout(20):
        while (await api.get("/boxes/shell")).status_code != 404:
            await asyncio.sleep(0.05)
    program = (await api.get("/boxes/program")).json()
    assert program["status"] == "ready"
    assert program["expires_at"] is not None
