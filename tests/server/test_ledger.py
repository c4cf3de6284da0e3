"""The ledger of usage: opened, closed and measured with what happens to sandboxes and volumes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from sandboxcore.runtimes.base import RuntimeUnavailableError, SandboxGoneError, StartFailedError, Usage
from sandboxcore.server.api import creating
from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Allocation
from sandboxcore.server.reaper import DAY, forget_usage
from sandboxcore.server.sampler import sample
from sandboxcore.server.services import ledger
from tests.server.fakes import FakeRuntime
from tests.server.test_creating import eventually, with_template
from tests.server.test_quota import only_workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


class Measured(FakeRuntime):
    """Sandboxes have used what the test says; asked of others it raises, or never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[str, float] = {}
        self.usage_error: Exception | None = None
        self.hangs = False

    async def usage(self, sandbox_id: str) -> Usage:
        if self.hangs:
            await asyncio.Event().wait()
        if self.usage_error is not None:
            raise self.usage_error
        if sandbox_id not in self.used:
            raise SandboxGoneError(sandbox_id)
        return Usage(self.used[sandbox_id], None, None, None)


async def rows(server: Inside) -> Sequence[Allocation]:
    async with server.core.database.read() as session:
        return (await session.scalars(select(Allocation).order_by(Allocation.started_at, Allocation.id))).all()


async def create(server: Inside, **body: Any) -> str:
    answer = await server.client.post("/boxes", json={"template_name": "t", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_sandbox_holds_from_its_creation_until_it_is_gone(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await create(server)
    (held,) = await rows(server)
    assert (held.subject_kind, held.subject_id, held.template_name, held.creator) == (
        "sandbox",
        sandbox_id,
        "t",
        "test",
    )
    assert (held.cpu_millis, held.memory_bytes, held.storage_bytes) == (250, 64 << 20, 1 << 30)
    assert held.ended_at is None
    server.runtime.destroy_error = OSError("busy")
    await server.client.delete(f"/boxes/{sandbox_id}")
    assert (await rows(server))[0].ended_at is None, "it is still there"
    server.runtime.destroy_error = None
    await server.core.starter.end(sandbox_id)
    (held,) = await rows(server)
    assert held.ended_at is not None
    assert held.started_at < held.ended_at <= now()


async def test_a_sandbox_that_fails_holds_until_then(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.create_error = StartFailedError("no", kind="ImagePull")
    sandbox_id = await create(server, wait_for_ready=False)
    await eventually(lambda: not server.core.starter.under_way)
    (held,) = await rows(server)
    assert held.ended_at is not None
    ended_at = held.ended_at
    await server.client.delete(f"/boxes/{sandbox_id}")
    assert [row.ended_at for row in await rows(server)] == [ended_at]


async def test_a_warm_sandbox_is_held_at_its_pools_expense(inside: Start) -> None:
    runtime = Measured()
    server = await with_template(inside, runtime)
    pool = {"name": "p", "template_name": "t", "replicas": 1}
    assert (await server.client.post("/pools", json=pool)).status_code == 201
    (warm,) = await rows(server)
    assert (warm.subject_kind, warm.template_name, warm.creator, warm.ended_at) == ("warm", "t", "pool:p", None)
    runtime.used[warm.subject_id] = 3.0
    await server.client.patch("/pools/p", json={"replicas": 0})
    async with asyncio.timeout(10):
        while (await rows(server))[0].ended_at is None:
            await asyncio.sleep(0.01)
    assert (await rows(server))[0].cpu_used_seconds == 3.0


async def test_who_claims_pays_from_the_claim_on(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "listens", lambda _socket: True)  # nothing does, in memory
    runtime = Measured()
    server = await with_template(inside, runtime)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 1})
    (warm,) = await rows(server)
    runtime.used[warm.subject_id] = 3.0
    await sample(server.core)
    assert await create(server) == warm.subject_id
    runtime.used[warm.subject_id] = 10.0
    await sample(server.core)
    its = [row for row in await rows(server) if row.subject_id == warm.subject_id]
    assert [(row.subject_kind, row.creator, row.cpu_used_seconds) for row in its] == [
        ("warm", "pool:p", 3.0),
        ("sandbox", "test", 7.0),
    ]
    assert its[0].ended_at == its[1].started_at
    assert its[1].ended_at is None
    usage = (await server.client.get("/usage", params={"by": "creator", "step": "total"})).json()["usage"]
    assert {row["group"]: row["sandboxes_started"] for row in usage} == {"pool:p": 0, "test": 1}


async def test_a_volume_holds_its_size_from_ready_to_gone(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/volumes", json={"name": "v", "size": "1Gi"})
    await server.client.patch("/volumes/v", json={"size": "3Gi"})
    small, large = await rows(server)
    assert (small.storage_bytes, large.storage_bytes) == (1 << 30, 3 << 30)
    assert small.ended_at == large.started_at
    assert large.ended_at is None
    await server.client.delete("/volumes/v")
    assert (await rows(server))[1].ended_at is not None


async def test_processor_time_is_measured_while_it_lives_and_at_its_end(inside: Start) -> None:
    runtime = Measured()
    server = await with_template(inside, runtime)
    first, second = await create(server), await create(server)
    runtime.used = {first: 5.0}
    await sample(server.core)
    runtime.used = {first: 4.0, second: 1.5}
    await sample(server.core)
    assert sorted(row.cpu_used_seconds for row in await rows(server)) == [1.5, 5.0], (
        "a counter that shrank is not heard"
    )
    runtime.used[first] = 9.0
    await server.client.delete(f"/boxes/{first}")
    assert sorted(row.cpu_used_seconds for row in await rows(server)) == [1.5, 9.0]


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), RuntimeUnavailableError("host is down", remedy="start host"), None]
)
async def test_a_delete_does_not_wait_for_a_measurement(inside: Start, error: Exception | None) -> None:
    """It hangs, or fails; the sandbox ends all the same."""
    runtime = Measured()
    server = await with_template(inside, runtime, destroy_wait=300)
    sandbox_id = await create(server)
    runtime.usage_error, runtime.hangs = error, error is None
    async with asyncio.timeout(30):
        assert (await server.client.delete(f"/boxes/{sandbox_id}")).status_code == 204
    if not isinstance(error, RuntimeUnavailableError):
        assert runtime.destroyed == [sandbox_id]


async def test_old_holdings_are_forgotten_a_few_at_a_time(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await with_template(inside, usage_retention_days=2)
    kept, old, lives = [await create(server) for _ in range(3)]
    for sandbox_id in (kept, old):
        await server.client.delete(f"/boxes/{sandbox_id}")
    database = server.core.database
    async with database.write() as session:
        for sandbox_id in (old, lives):
            past = {"started_at": now() - 9 * DAY, "ended_at": now() - 3 * DAY if sandbox_id == old else None}
            await session.execute(update(Allocation).where(Allocation.subject_id == sandbox_id).values(past))
    await forget_usage(server.core)
    assert {row.subject_id for row in await rows(server)} == {kept, lives}


async def test_what_a_living_sandbox_held_before_is_kept_with_it(inside: Start) -> None:
    server = await with_template(inside)
    sandbox_id = await create(server)
    workspace_id = await only_workspace(server)
    database = server.core.database
    async with database.write(workspace_id) as session:
        await ledger.close(session, sandbox_id, at=now() - 5 * DAY)
    assert await ledger.prune(database, ended_before=now() - DAY, most=10) == 1
    again = await create(server)
    async with database.write(workspace_id) as session:
        (held,) = await session.scalars(select(Allocation).where(Allocation.subject_id == again))
        await ledger.close(session, again, at=now() - 5 * DAY)
        session.add(Allocation(**{**columns(held), "id": "open"}))
    assert await ledger.prune(database, ended_before=now() - DAY, most=10) == 0


def columns(row: Allocation) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in Allocation.__table__.columns}
