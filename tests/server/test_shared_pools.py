"""Two servers on one database: pools, and who starts what."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import select, update

from sandboxcore.runtimes.base import StartFailedError
from sandboxcore.server.db.models import Pool, Sandbox
from sandboxcore.server.reconcile import reconcile
from sandboxcore.server.services import filling, leases
from tests.server.fakes import FakeRuntime
from tests.server.running import POSTGRES_URL, until
from tests.server.test_creating import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd

    Start = Callable[..., Awaitable[Inside]]

POOL = {"name": "p", "template_name": "t", "replicas": 3, "wait_for_ready": False}


@pytest.fixture
def pair(inside: Start) -> Callable[[], Awaitable[tuple[Inside, Inside]]]:
    """Starts two servers on one database and one runtime, with the template ``t``."""

    async def start() -> tuple[Inside, Inside]:
        runtime = FakeRuntime()
        servers = [await inside(runtime) for _ in range(2)]
        made = await servers[0].client.post("/templates", json={"name": "t", "image": "host"})
        assert made.status_code == 201
        for server in servers:
            # Behind its first look: on SQLite one that comes late takes the other's starts for nobody's.
            await reconcile(server.core)
        return servers[0], servers[1]

    return start


async def looks(*servers: Inside, times: int = 3) -> None:
    """Let all of them look at their pools, at once and again."""
    for _ in range(times):
        await asyncio.gather(*(server.core.pools.look(server.core) for server in servers))


async def row(server: Inside) -> Any:
    return await server.core.database.fetch_one(select(Pool.__table__), {})


async def set_pool(server: Inside, **values: object) -> None:
    async with server.core.database.write() as session:
        await session.execute(update(Pool).values(**values))


async def test_together_they_fill_a_pool_and_never_overfill_it(
    pair: Callable[[], Awaitable[tuple[Inside, Inside]]],
) -> None:
    one, two = await pair()
    one.runtime.may_create.clear()
    await one.client.post("/pools", json=POOL)
    await looks(one, two)
    assert len(one.runtime.creations) == len(set(one.runtime.creations)) == 3
    one.runtime.may_create.set()
    await eventually(lambda: len(one.runtime.made) == 3)
    await looks(one, two)
    assert len(one.runtime.creations) == 3


async def test_a_failure_pauses_both_and_one_probe_follows(
    pair: Callable[[], Awaitable[tuple[Inside, Inside]]],
) -> None:
    one, two = await pair()
    one.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    await one.client.post("/pools", json=POOL)
    async with asyncio.timeout(10):
        while not (failed := await row(two)).failures or one.core.starter.under_way or two.core.starter.under_way:
            await asyncio.sleep(0.01)
    assert (failed.failures, failed.status_message) == (1, "ImagePull: no such image")
    await set_pool(one, retry_at=time.time() + 3600)
    before = len(one.runtime.creations)
    await looks(one, two)
    assert len(one.runtime.creations) == before

    one.runtime.may_create.clear()
    await set_pool(one, retry_at=time.time() - 1)
    await looks(one, two)
    await eventually(lambda: len(one.runtime.creations) == before + 1)
    await looks(one, two)
    assert len(one.runtime.creations) == before + 1
    one.runtime.may_create.set()
    async with asyncio.timeout(10):
        while (await row(two)).failures != 2:
            await asyncio.sleep(0.01)


async def test_a_restart_does_not_forget_a_failure(inside: Start) -> None:
    runtime = FakeRuntime()
    runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    before = await inside(runtime)
    await before.client.post("/templates", json={"name": "t", "image": "host"})
    await before.client.post("/pools", json={**POOL, "replicas": 1})
    async with asyncio.timeout(10):
        while not (await row(before)).failures:
            await asyncio.sleep(0.01)
    await set_pool(before, retry_at=time.time() + 3600, failures=7)
    attempts = len(runtime.creations)
    after = await inside(runtime)
    await looks(after)
    assert len(runtime.creations) == attempts
    told = (await after.client.get("/pools/p")).json()
    assert (told["status"], told["failures"]) == ("failing", 7)
    assert "7 times in a row" in told["status_message"]


def test_pauses_grow_up_to_a_longest_one_and_differ() -> None:
    pauses = [filling.pause_after(failures) for failures in (1, 2, 3, 100)]
    for pause, middle in zip(pauses, (1, 2, 4, 60), strict=True):
        assert middle * 0.8 <= pause <= middle * 1.2
    assert len({filling.pause_after(5) for _ in range(10)}) > 1


async def provisioning(server: Inside, **values: object) -> str:
    """A sandbox whose start is held, with another lease."""
    server.runtime.may_create.clear()
    made = await server.client.post("/boxes", json={"template_name": "t", "name": "b", "wait_for_ready": False})
    if values:
        async with server.core.database.write() as session:
            await session.execute(update(Sandbox).values(**values))
    return str(made.json()["id"])


async def test_a_start_under_way_elsewhere_is_left_alone_until_its_lease_is_over(
    pair: Callable[[], Awaitable[tuple[Inside, Inside]]],
) -> None:
    one, two = await pair()
    sandbox_id = await provisioning(one)
    await reconcile(two.core)
    # SQLite serves one server, so that what another one left there is taken up at once.
    assert two.core.starter.is_starting(sandbox_id) == two.core.database.is_sqlite
    async with one.core.database.write() as session:
        await session.execute(update(Sandbox).values(start_lease_until=time.time() - 1))
    await reconcile(two.core)
    assert two.core.starter.is_starting(sandbox_id)
    one.runtime.may_create.set()
    await eventually(lambda: not one.core.starter.under_way and not two.core.starter.under_way)
    assert (await one.client.get("/boxes/b")).json()["status"] == "ready"
    assert one.runtime.destroyed == []


async def test_what_fails_after_its_lease_was_lost_says_nothing(
    pair: Callable[[], Awaitable[tuple[Inside, Inside]]],
) -> None:
    one, two = await pair()
    sandbox_id = await provisioning(one, starter=two.core.starter.id, start_lease_until=time.time() + 60)
    one.runtime.create_error = StartFailedError("too late", kind="CrashLoop")
    one.runtime.may_create.set()
    await eventually(lambda: not one.core.starter.is_starting(sandbox_id))
    assert (await one.client.get("/boxes/b")).json()["status"] == "provisioning"


async def test_leases_are_renewed_by_their_holder_alone_and_released_at_its_end(
    pair: Callable[[], Awaitable[tuple[Inside, Inside]]],
) -> None:
    one, two = await pair()
    sandbox_id = await provisioning(one, start_lease_until=1.0)
    lease = select(Sandbox.starter, Sandbox.start_lease_until)
    await leases.renew(two.core.database, starter=two.core.starter.id, sandbox_ids=[sandbox_id])
    assert tuple(await one.core.database.fetch_one(lease, {}) or ()) == (one.core.starter.id, 1.0)
    await leases.renew(one.core.database, starter=one.core.starter.id, sandbox_ids=[sandbox_id])
    assert not await leases.take(one.core.database, starter=one.core.starter.id, sandbox_id=sandbox_id)
    await leases.release(one.core.database, starter=one.core.starter.id)
    assert await leases.take(two.core.database, starter=two.core.starter.id, sandbox_id=sandbox_id)


async def test_a_repeated_create_waits_for_the_start_that_another_server_runs(
    pair: Callable[[], Awaitable[tuple[Inside, Inside]]],
) -> None:
    one, two = await pair()
    one.runtime.may_create.clear()
    body, headers = {"template_name": "t"}, {"Idempotency-Key": "k"}
    first = asyncio.create_task(one.client.post("/boxes", json=body, headers=headers))
    await eventually(lambda: one.runtime.creations)
    again = asyncio.create_task(two.client.post("/boxes", json=body, headers=headers))
    if not two.core.database.is_sqlite:
        await eventually(lambda: any("watch the start" in task.get_name() for task in asyncio.all_tasks()))
        assert len(one.runtime.creations) == 1
    one.runtime.may_create.set()
    answers = [await first, await again]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len(one.runtime.made) == 1


@pytest.mark.skipif(not POSTGRES_URL, reason="two processes share a PostgreSQL; SANDBOXD_TEST_POSTGRES_URL names none")
def test_two_processes_claim_at_once_and_never_share(own_sandboxd: Callable[..., Sandboxd]) -> None:
    one = own_sandboxd(postgres=True)
    two = one.beside()
    try:
        claim_from(one, two)
    finally:
        two.stop()


def claim_from(*servers: Sandboxd) -> None:
    """Twice as many creates as the pool has warm sandboxes, from both servers at once."""
    bases = [f"{server.origin}/v2/sandboxes" for server in servers]
    with httpx.Client(headers={"X-Api-Key": servers[0].key}, timeout=60) as api, ThreadPoolExecutor(16) as threads:

        def create(number: int) -> dict[str, Any]:
            answer = api.post(f"{bases[number % len(bases)]}/boxes", json={"template_name": "t"})
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        def pool() -> dict[str, Any]:
            return dict(api.get(f"{bases[0]}/pools/p").json())

        api.post(f"{bases[0]}/templates", json={"name": "t", "image": "host"}).raise_for_status()
        api.post(f"{bases[0]}/pools", json={"name": "p", "template_name": "t", "replicas": 8, "timeout": 60})
        assert pool()["status"] == "ready"
        boxes = list(threads.map(create, range(16)))
        assert len({box["id"] for box in boxes}) == len({box["name"] for box in boxes}) == 16
        warm = [box for box in boxes if box["pool_name"] == "p"]
        assert len(warm) >= 8
        until(lambda: pool()["stats"]["hits"] + pool()["stats"]["misses"] == 16, what="the claims' statistics")
        stats = pool()["stats"]
        assert (stats["hits"], stats["misses_by_reason"].get("empty", 0)) == (len(warm), 16 - len(warm))
        until(lambda: pool()["status"] == "ready", 60, "a full pool")
        assert pool()["ready_replicas"] == 8
