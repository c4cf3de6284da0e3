"""``GET /summary``: what a workspace has, counted, on both databases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from sandboxcore.runtimes.base import StartFailedError
from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Base, Sandbox
from sandboxcore.server.names import new_id
from sandboxcore.server.services import keys
from tests.server.queries import statements
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

NOTHING: dict[str, Any] = {
    "sandboxes": {"ready": 0, "provisioning": 0, "failed": 0, "warm": 0},
    "templates": 0,
    "volumes": {"ready": 0, "provisioning": 0, "failed": 0},
    "pools": {"filling": 0, "ready": 0, "paused": 0, "failing": 0, "limited": 0},
    "ready_replicas": 0,
    "wanted_replicas": 0,
    "idle": [],
    "failed": [],
}


async def summary(server: Inside) -> dict[str, Any]:
    answer = await server.client.get("/summary")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def summary_with(server: Inside, **wanted: Any) -> dict[str, Any]:
    """The summary, as soon as it is as wanted."""
    async with asyncio.timeout(20):
        while True:
            found = await summary(server)
            if all(found[name] == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.01)


async def test_it_works(inside: Start) -> None:
    server = await inside()
    assert await summary(server) == NOTHING
    await server.client.post("/templates", json={"name": "t", "image": "host"})
    for name in ("one", "two"):
        assert (await server.client.post("/boxes", json={"name": name, "template_name": "t"})).status_code == 201
    await server.client.post("/volumes", json={"name": "v", "size": "16Mi"})
    server.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    body = {"name": "broken", "template_name": "t", "wait_for_ready": False}
    assert (await server.client.post("/boxes", json=body)).status_code == 201
    found = await summary_with(server, sandboxes={"ready": 2, "provisioning": 0, "failed": 1, "warm": 0})
    assert found["templates"] == 1
    assert found["volumes"] == {"ready": 1, "provisioning": 0, "failed": 0}
    assert [each["name"] for each in found["idle"]] == ["one", "two"]
    assert found["idle"][0]["cpu_millis"] == 500
    assert found["idle"][0]["memory_bytes"] == 512 << 20
    assert [each["name"] for each in found["failed"]] == ["broken"]
    assert found["failed"][0]["status_message"] == "ImagePull: no such image"


async def test_pools_and_their_warm_sandboxes_are_counted_apart(inside: Start) -> None:
    server = await with_template(inside)
    for name, replicas in (("full", 2), ("paused", 1)):
        body = {"name": name, "template_name": "t", "replicas": replicas}
        assert (await server.client.post("/pools", json=body)).status_code == 201
    await server.client.patch("/pools/paused", json={"replicas": 0})
    found = await summary_with(server, sandboxes=NOTHING["sandboxes"] | {"warm": 2})
    assert found["pools"] == NOTHING["pools"] | {"ready": 1, "paused": 1}
    assert (found["ready_replicas"], found["wanted_replicas"]) == (2, 2)
    server.runtime.may_create.clear()
    await server.client.patch("/pools/full", json={"replicas": 3})
    found = await summary_with(server, sandboxes=NOTHING["sandboxes"] | {"warm": 3})
    assert found["pools"] == NOTHING["pools"] | {"filling": 1, "paused": 1}
    assert (found["ready_replicas"], found["wanted_replicas"], found["idle"]) == (2, 3, [])
    server.runtime.may_create.set()


async def test_a_use_that_the_database_does_not_know_yet_counts(inside: Start) -> None:
    server = await with_template(inside)
    made = [
        (await server.client.post("/boxes", json={"name": f"box-{number}", "template_name": "t"})).json()
        for number in range(7)
    ]
    assert [each["name"] for each in (await summary(server))["idle"]] == [f"box-{number}" for number in range(5)]
    server.core.activity.touch(made[0]["id"])
    assert [each["name"] for each in (await summary(server))["idle"]] == [f"box-{number}" for number in range(1, 6)]


async def test_another_workspaces_things_are_not_counted(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/boxes", json={"template_name": "t"})
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 1})
    other = await keys.create_key(server.core.database, workspace="other", name="k", actor="test")
    answer = await server.client.get("/summary", headers={"X-Api-Key": other.text})
    assert answer.json() == NOTHING


async def test_many_sandboxes_take_one_question(inside: Start) -> None:
    """However many there are: the newest five failures and the idlest five, and every one counted."""
    server = await with_template(inside)
    made = (await server.client.post("/boxes", json={"template_name": "t"})).json()
    async with server.core.database.write() as session:
        like = await session.scalar(select(Sandbox.workspace_id).where(Sandbox.id == made["id"]))
        await session.execute(insert(Base.metadata.tables["sandboxes"]), [_row(like, number) for number in range(3000)])
        await session.execute(update(Sandbox).where(Sandbox.name == "many-42").values(last_activity_at=1.0))
    await server.client.get("/templates")
    with statements() as asked:
        found = await summary(server)
    assert len([statement for statement in asked if "api_keys" not in statement]) == 1
    assert found["sandboxes"] == {"ready": 2001, "provisioning": 0, "failed": 1000, "warm": 0}
    assert found["idle"][0]["name"] == "many-42"
    assert [each["name"] for each in found["failed"]] == [f"many-{number}" for number in (2999, 2996, 2993, 2990, 2987)]


def _row(workspace_id: str | None, number: int) -> dict[str, Any]:
    moment = now() + number
    return {
        "id": new_id(),
        "workspace_id": workspace_id,
        "name": f"many-{number}",
        "warm": False,
        "awaited": False,
        "state": "failed" if number % 3 == 2 else "ready",
        "ttl_seconds": 0,
        "idle_ttl_seconds": 0,
        "created_at": moment,
        "updated_at": moment,
        "last_activity_at": moment,
        "created_by": "somebody",
    }
