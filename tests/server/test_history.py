"""``/history``: why sandboxes ended, and what is known of them afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from sandboxcore.runtimes.base import StartFailedError
from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.reaper import reap
from sandboxcore.server.reconcile import reconcile
from tests.server.conftest import DATABASES, unique
from tests.server.test_creating import eventually, with_template
from tests.server.test_event_stream import new_key
from tests.server.test_events import events_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd

    Start = Callable[..., Awaitable[Inside]]


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/boxes", json={"template_name": "t", **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def past(client: httpx.AsyncClient, sandbox_id: str) -> dict[str, Any]:
    answer = await client.get(f"/history/{sandbox_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def ended(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/history", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["sandboxes"]
    return found


async def test_it_works(api: httpx.AsyncClient, template: str) -> None:
    box = (await api.post("/boxes", json={"template_name": template})).json()
    living = (await api.get(f"/history/{box['id']}")).json()
    assert (living["status"], living["ended_at"], living["ended_by"]) == ("ready", None, None)
    assert (await api.delete(f"/boxes/{box['name']}")).status_code == 204

    found = (await api.get(f"/history/{box['id']}")).json()
    same = ("id", "name", "template_name", "pool_name", "created_by", "created_at")
    assert {field: found[field] for field in same} == {field: box[field] for field in same}
    assert (found["status"], found["stop_reason"], found["ended_by"]) == ("ended", "deleted", box["created_by"])
    assert found["created_at"] < found["ready_at"] < found["ended_at"]
    assert [event["type"] for event in found["events"]] == [
        "sandbox.created",
        "sandbox.ready",
        "sandbox.deleting",
        "sandbox.deleted",
    ]
    assert found["next_after"] is None
    timeline = (await api.get(f"/boxes/{box['id']}/events")).json()
    assert timeline == {"events": found["events"], "next_after": None}
    [listed] = (await api.get("/history", params={"name": box["name"]})).json()["sandboxes"]
    assert listed == {field: value for field, value in found.items() if field not in ("events", "next_after")}


async def test_the_old_dialect_knows_nothing_of_the_ended(api: httpx.AsyncClient, template: str) -> None:
    box = (await api.post("/boxes", json={"template_name": template})).json()
    await api.delete(f"/boxes/{box['id']}")
    for path in (f"/boxes/{box['id']}", f"/boxes/{box['name']}", f"/boxes/{box['id']}/status"):
        assert (await api.get(path)).status_code == 404
    assert (await api.patch(f"/boxes/{box['id']}", json={"ttl_seconds": 60})).status_code == 404
    assert (await api.delete(f"/boxes/{box['id']}")).status_code == 404
    assert (await api.get(f"/boxes/{box['name']}/events")).status_code == 404
    assert (await api.get(f"/history/{box['name']}")).status_code == 404
    assert box["id"] not in {other["id"] for other in (await api.get("/boxes")).json()["sandboxes"]}


async def test_deleted_names_who_did_it(inside: Start) -> None:
    app = await with_template(inside)
    box = await create(app.client)
    await app.client.delete(f"/boxes/{box['id']}", headers={"X-Sandbox-Actor": "ada@example.com"})
    found = await past(app.client, box["id"])
    assert (found["stop_reason"], found["ended_by"]) == ("deleted", "ada@example.com")


@pytest.mark.parametrize(("field", "reason"), [("ttl_seconds", "lifetime"), ("idle_ttl_seconds", "idle")])
async def test_lifetimes(inside: Start, field: str, reason: str) -> None:
    app = await with_template(inside)
    box = await create(app.client, **{field: 60})
    long_ago = now() - 10_000  # another server on the database gets its time to object
    values = {"created_at": long_ago, "last_activity_at": long_ago, "expires_at": long_ago + 60}
    async with app.core.database.write() as session:
        await session.execute(update(Sandbox).where(Sandbox.id == box["id"]).values(values))
    await reap(app.core)
    found = await past(app.client, box["id"])
    assert (found["stop_reason"], found["ended_by"]) == (reason, "system")


async def test_one_that_died_stays_until_it_is_deleted(inside: Start) -> None:
    app = await with_template(inside)
    box = await create(app.client)
    app.runtime.made.clear()
    await reconcile(app.core)
    shown = (await app.client.get(f"/boxes/{box['id']}")).json()
    assert (shown["status"], shown["stop_reason"]) == ("failed", "died")
    assert "no longer has it" in shown["status_message"]
    assert not await ended(app.client)
    await app.client.delete(f"/boxes/{box['id']}")
    found = await past(app.client, box["id"])
    assert (found["stop_reason"], found["failure"]) == ("died", "CrashLoop")
    assert "no longer has it" in found["status_message"]


async def test_a_start_that_failed(inside: Start) -> None:
    app = await with_template(inside)
    app.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    assert (await app.client.post("/boxes", json={"template_name": "t", "name": "b"})).status_code == 422
    [found] = await ended(app.client)
    assert (found["name"], found["stop_reason"], found["failure"]) == ("b", "start_failed", "ImagePull")
    assert (found["status_message"], found["ready_at"], found["ended_by"]) == ("no such image", None, "system")


async def test_a_start_that_took_too_long(inside: Start) -> None:
    app = await with_template(inside)
    app.runtime.may_create.clear()
    answer = await app.client.post("/boxes", json={"template_name": "t", "timeout": 0.05})
    assert answer.status_code == 408
    [found] = await ended(app.client)
    assert (found["stop_reason"], found["ended_by"]) == ("start_timeout", "system")
    app.runtime.may_create.set()


async def test_warm_sandboxes_have_no_history(inside: Start) -> None:
    app = await with_template(inside)
    body = {"name": "warm", "template_name": "t", "replicas": 2, "timeout": 20}
    pool = (await app.client.post("/pools", json=body)).json()
    await app.client.patch("/pools/warm", json={"replicas": 1})
    await eventually(lambda: len(app.runtime.destroyed) == 1)
    await app.client.delete("/pools/warm")
    await eventually(lambda: len(app.runtime.destroyed) == 2)
    assert not await ended(app.client)
    [dropped] = await events_of(app.client, type="pool.warm_dropped")
    assert (dropped["subject"]["id"], dropped["data"]["reason"]) == (pool["id"], "pool_scaled_down")
    assert (await app.client.get(f"/history/{dropped['data']['sandbox_id']}")).status_code == 404


async def test_a_claimed_one_keeps_its_pools_name(api: httpx.AsyncClient, template: str) -> None:
    pool = unique("pool")
    await api.post("/pools", json={"name": pool, "template_name": template, "replicas": 1, "timeout": 30})
    box = (await api.post("/boxes", json={"template_name": template})).json()
    await api.delete(f"/boxes/{box['id']}")
    await api.delete(f"/pools/{pool}")
    found = (await api.get(f"/history/{box['id']}")).json()
    assert (found["pool_name"], found["template_name"], found["stop_reason"]) == (pool, template, "deleted")


async def test_pages_and_filters(inside: Start) -> None:
    app = await with_template(inside)
    names = [f"box-{number}" for number in range(5)]
    for name in names:
        await create(app.client, name=name)
        await app.client.delete(f"/boxes/{name}")
    assert [found["name"] for found in await ended(app.client)] == names[::-1]
    seen: list[str] = []
    cursor: str | None = None
    while not seen or cursor is not None:
        params = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = (await app.client.get("/history", params=params)).json()
        seen += [found["name"] for found in page["sandboxes"]]
        cursor, total = page["next_cursor"], page["total"]
        assert total == 5
    assert seen == names[::-1]
    assert len(await ended(app.client, stop_reason="deleted", template="t", created_by="test", ended_by="test")) == 5
    assert not await ended(app.client, stop_reason="idle")
    assert [found["name"] for found in await ended(app.client, q="x-3")] == ["box-3"]
    assert (await app.client.get("/history", params={"stop_reason": "bored"})).status_code == 422


async def test_another_workspace_sees_nothing(
    api: httpx.AsyncClient, template: str, sandboxd: Sandboxd, clients: Any
) -> None:
    box = (await api.post("/boxes", json={"template_name": template})).json()
    await api.delete(f"/boxes/{box['id']}")
    other = clients(sandboxd, new_key(sandboxd, "read", workspace=unique("other")))
    assert (await other.get("/history")).json()["sandboxes"] == []
    assert (await other.get(f"/history/{box['id']}")).status_code == 404
    assert (await other.get(f"/boxes/{box['id']}/events")).status_code == 404
    assert (await other.get("/events", params={"subject": box["id"]})).json()["events"] == []


@pytest.mark.parametrize("database", DATABASES)
async def test_it_outlives_the_server(own_sandboxd: Callable[..., Sandboxd], clients: Any, database: str) -> None:
    server = own_sandboxd(postgres=database == "postgresql")
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    gone, dying = await create(api), await create(api)
    await api.delete(f"/boxes/{gone['id']}")
    before = (await api.get(f"/history/{gone['id']}")).json()
    pid = (await api.post(f"{dying['dataplane_url']}/execute", json={"command": "echo $PPID"})).json()["stdout"]
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    os.kill(int(pid), signal.SIGKILL)  # its shim, while nobody looks
    await asyncio.to_thread(server.start)
    api = clients(server)
    assert (await api.get(f"/history/{gone['id']}")).json() == before
    async with asyncio.timeout(20):
        while (found := (await api.get(f"/history/{dying['id']}")).json())["status"] != "failed":
            await asyncio.sleep(0.02)
    assert found["stop_reason"] == "died"
    assert [event["type"] for event in found["events"]] == ["sandbox.created", "sandbox.ready", "sandbox.failed"]
