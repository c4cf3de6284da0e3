"""The database against the runtime, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from sandboxcore.runtimes.base import RuntimeSandbox
from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.names import new_id
from sandboxcore.server.reconcile import reconcile
from tests.server.test_creating import eventually, with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

ENDED = new_id()
"""A server that is no more."""


async def make(server: Inside, name: str) -> str:
    made = await server.client.post("/boxes", json={"template_name": "t", "name": name})
    assert made.status_code == 201
    return str(made.json()["id"])


async def set_row(server: Inside, sandbox_id: str, **values: object) -> None:
    async with server.core.database.write() as session:
        await session.execute(update(Sandbox).where(Sandbox.id == sandbox_id).values(**values))


async def rows(server: Inside) -> list[str]:
    async with server.core.database.read() as session:
        return list(await session.scalars(select(Sandbox.id)))


async def test_what_agrees_is_left_alone(inside: Start) -> None:
    server = await with_template(inside)
    await make(server, "b")
    await reconcile(server.core)
    assert (await server.client.get("/boxes/b")).json()["status"] == "ready"
    assert server.runtime.destroyed == []


async def test_a_row_whose_sandbox_is_gone_fails_with_the_reason(inside: Start) -> None:
    server = await with_template(inside)
    gone, dead = await make(server, "gone"), await make(server, "dead")
    old = server.runtime.made[dead]
    server.runtime.made.pop(gone)
    server.runtime.made[dead] = RuntimeSandbox(dead, "dead", old.shim_socket, old.created_at, "out of memory")
    await reconcile(server.core)
    for name, words in [("gone", "no longer has it"), ("dead", "out of memory")]:
        box = (await server.client.get(f"/boxes/{name}")).json()
        assert (box["status"], box["stop_reason"]) == ("failed", "died")
        assert words in box["status_message"]
    await reconcile(server.core)
    assert server.runtime.destroyed == [dead]


async def test_a_sandbox_without_a_row_is_ended(inside: Start) -> None:
    server = await with_template(inside)
    kept = await make(server, "b")
    orphan = new_id()
    server.runtime.add(orphan)
    await reconcile(server.core)
    assert server.runtime.destroyed == [orphan]
    assert list(server.runtime.made) == [kept]


async def test_a_half_made_create_goes_on(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await make(server, "b")
    server.runtime.made.clear()
    await set_row(server, sandbox_id, state="provisioning", shim_socket=None, starter=ENDED, start_lease_until=0.0)
    await reconcile(server.core)
    await eventually(lambda: not server.core.starter.is_starting(sandbox_id))
    assert (await server.client.get("/boxes/b")).json()["status"] == "ready"
    assert list(server.runtime.made) == [sandbox_id]


async def test_a_half_made_create_that_nobody_can_know_of_is_removed(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await make(server, "b")
    await set_row(server, sandbox_id, state="provisioning", awaited=True, starter=ENDED, start_lease_until=0.0)
    await reconcile(server.core)
    assert await rows(server) == []
    assert server.runtime.made == {}


async def test_a_half_done_delete_is_finished(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await make(server, "b")
    await set_row(server, sandbox_id, state="deleting", template_id=None)
    await reconcile(server.core)
    assert await rows(server) == []
    assert server.runtime.destroyed == [sandbox_id]


async def test_one_that_cannot_be_ended_is_tried_again(inside: Start) -> None:
    server = await with_template(inside)
    await make(server, "b")
    server.runtime.destroy_error = OSError("busy")
    await server.client.delete("/boxes/b")
    await reconcile(server.core)
    assert len(await rows(server)) == 1
    server.runtime.destroy_error = None
    await reconcile(server.core)
    assert await rows(server) == []
