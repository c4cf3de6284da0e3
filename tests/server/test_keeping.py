"""What keeps pools full, on a runtime in memory: limits, age, health, turns; and what is told of claims."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from sandboxcore.runtimes.base import StartFailedError
from sandboxcore.server import pools as keeping
from sandboxcore.server.api import creating
from sandboxcore.server.db.models import Pool, PoolClaim, Sandbox, Workspace
from sandboxcore.server.services import claims, filling
from sandboxcore.server.services.claims import Claim
from tests.server.test_creating import eventually, with_template
from tests.server.test_pools import claims_of, pool_with

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


@pytest.fixture
def all_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime in memory has no shims: let every claim believe that they listen."""
    monkeypatch.setattr(creating, "listens", lambda _path: True)


@pytest.fixture
def started(inside: Start) -> Callable[..., Awaitable[Inside]]:
    """Starts a server, on each kind of database, with the template ``t`` and the pool ``p`` of so many sandboxes."""

    async def start(replicas: int = 2, **settings: object) -> Inside:
        server = await with_template(inside, **settings)
        await add_pool(server, "p", replicas)
        return server

    return start


async def add_pool(server: Inside, name: str, replicas: int) -> None:
    body = {"name": name, "template_name": "t", "replicas": replicas}
    made = await server.client.post("/pools", json=body)
    assert made.status_code == 201, made.text


async def create(server: Inside, status: int = 201, **body: object) -> dict[str, Any]:
    made = await server.client.post("/boxes", json={"template_name": "t", **body})
    assert made.status_code == status, made.text
    return dict(made.json())


async def set_limit(server: Inside, most: int | None) -> None:
    async with server.core.database.write() as session:
        await session.execute(update(Workspace).values(max_sandboxes=most))


async def test_what_does_not_fit_is_no_failure_and_is_tried_again_when_there_is_room(
    started: Start, all_alive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "LIMITED_PAUSE", 3600.0)  # time does not help
    server = await started(2)
    await set_limit(server, 2)
    box = await create(server)
    assert box["pool_name"] == "p"
    pool = await pool_with(server, status="limited")
    assert (pool["ready_replicas"], pool["failures"]) == (1, 0)
    assert "sandbox count" in pool["status_message"]
    assert pool["status_message"].endswith("the pool is filled as soon as there is room")
    attempts = len(server.runtime.creations)

    assert (await server.client.delete(f"/boxes/{box['id']}")).status_code == 204
    pool = await pool_with(server, status="ready")
    assert (pool["status_message"], pool["retry_at"]) == (None, None)
    assert len(server.runtime.creations) == attempts + 1


async def test_a_miss_says_why(started: Start, all_alive: None) -> None:
    server = await started(1)
    server.runtime.may_create.clear()
    await create(server)
    await create(server, 408, timeout=0.05)
    server.runtime.may_create.set()
    await pool_with(server, status="ready")
    await set_limit(server, 2)
    await create(server)
    await pool_with(server, status="limited", ready_replicas=0)
    await set_limit(server, None)
    await create(server)
    await server.client.patch("/pools/p", json={"replicas": 0})
    await create(server)
    found = await claims_of(server, "p", 5)
    assert sorted((claim["hit"], claim["reason"]) for claim in found if claim["hit"]) == [(True, None)] * 2
    missed = [claim["reason"] for claim in found if not claim["hit"]]
    assert missed[0] == "paused"
    assert missed[-1] == "empty"
    assert "limited" in missed
    timed_out = found[-2]
    assert (timed_out["reason"], timed_out["ms"]) == ("empty", None)
    assert [claim["at"] for claim in found] == sorted((claim["at"] for claim in found), reverse=True)
    assert len((await server.client.get("/pools/p/claims?limit=1")).json()["claims"]) == 1
    assert (await server.client.get("/pools/p/claims?limit=0")).status_code == 422
    assert (await server.client.get("/pools/none/claims")).status_code == 404


async def test_a_miss_of_a_pool_that_fails(started: Start, all_alive: None) -> None:
    server = await started(1)
    server.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    await create(server)
    await pool_with(server, status="failing")
    await create(server, 422)
    [missed, _] = await claims_of(server, "p", 2)
    assert (missed["hit"], missed["reason"], missed["ms"]) == (False, "failing", None)


async def test_statistics_of_the_last_hour(started: Start) -> None:
    server = await started(1)
    pool = (await server.client.get("/pools/p")).json()
    assert pool["stats"]["hit_rate"] is None
    moment = time.time()
    noted = [Claim(pool["id"], moment, number / 1000, None) for number in range(1, 101)]
    noted += [Claim(pool["id"], moment, 0.05, "empty"), Claim(pool["id"], moment, None, "failing")]
    noted += [Claim(pool["id"], moment - 7200, 1, None), Claim("no-such-pool", moment, 1, None)]
    for claim in noted:
        server.core.claims.note(claim)
    await server.core.claims.write_down()
    stats = (await server.client.get("/pools/p")).json()["stats"]
    for measured in ("suggested_because", "warm_seconds", "warm_cpu_seconds", "warm_memory_byte_seconds"):
        del stats[measured]  # see test_pool_economics
    assert stats == {
        "suggested_replicas": 100,
        "hits": 100,
        "misses": 2,
        "hit_rate": 0.9804,
        "claim_ms_p50": 50.5,
        "claim_ms_p99": 100.0,
        "cold_ms_p50": 50.0,
        "misses_by_reason": {"empty": 1, "failing": 1},
        "window_seconds": claims.WINDOW_SECONDS,
    }


async def count_claims(server: Inside) -> int:
    found = await server.core.database.fetch_one(select(func.count()).select_from(PoolClaim), {})
    return int(found[0]) if found else 0


async def test_claims_are_kept_for_a_while_and_not_too_many(started: Start) -> None:
    server = await started(1, pool_claims_kept=100, pool_claims_age=1000)
    pool_id = (await server.client.get("/pools/p")).json()["id"]
    moment = time.time()
    for age in range(150):
        server.core.claims.note(Claim(pool_id, moment - age, 0.01, None))
    for _ in range(10):
        server.core.claims.note(Claim(pool_id, moment - 2000, 0.01, None))
    await server.core.claims.write_down()
    await server.core.claims.trim()
    assert await count_claims(server) == 100
    [newest] = await claims.latest(server.core.database, pool_id, limit=1)
    assert newest["ms"] == 10.0
    await server.client.delete("/pools/p")
    assert await count_claims(server) == 0


async def test_what_waits_is_written_at_the_end(inside: Start, all_alive: None) -> None:
    server = await with_template(inside)
    await add_pool(server, "p", 1)
    await create(server)
    await server.core.claims.write_down()
    assert await count_claims(server) == 1


async def test_one_that_died_in_the_pool_is_noticed_and_replaced(
    started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await started(2)
    died, lives = server.runtime.made
    monkeypatch.setattr(keeping, "listens", lambda path: Path(path).parent.name != died)
    await server.core.pools.check_health(server.core)
    await eventually(lambda: died in server.runtime.destroyed)
    pool = await pool_with(server, status="ready")
    assert pool["failures"] == 1
    assert lives in server.runtime.made
    assert died not in server.runtime.made


async def test_health_is_looked_at_in_turns(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await started(5)
    seen: list[str] = []

    def listens(path: str) -> bool:
        seen.append(Path(path).parent.name)
        return True

    monkeypatch.setattr(keeping, "listens", listens)
    monkeypatch.setattr(keeping, "HEALTH_BATCH", 2)
    for _ in range(3):
        await server.core.pools.check_health(server.core)
    assert sorted(seen) == sorted(server.runtime.made)


async def test_old_ones_are_replaced_one_by_one(started: Start) -> None:
    server = await started(3, pool_max_age=3600)
    before = set(server.runtime.made)
    async with server.core.database.write() as session:
        await session.execute(update(Sandbox).values(ready_at=time.time() - 7200))
    server.core.pools.kick()
    await eventually(lambda: not before & set(server.runtime.made) and len(server.runtime.made) == 3)
    assert (await pool_with(server, status="ready"))["failures"] == 0


async def test_failures_are_forgotten_when_the_pool_is_full_and_time_has_passed(started: Start) -> None:
    server = await started(1)
    async with server.core.database.write() as session:
        await session.execute(update(Pool).values(failures=3, retry_at=time.time() - 1))
    await server.core.pools.look(server.core)
    assert (await server.client.get("/pools/p")).json()["failures"] == 3
    async with server.core.database.write() as session:
        await session.execute(update(Pool).values(retry_at=time.time() - filling.STEADY_SECONDS))
    await server.core.pools.look(server.core)
    assert (await server.client.get("/pools/p")).json()["failures"] == 0


async def test_pools_take_turns_and_leave_room_for_cold_starts(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    cold = asyncio.create_task(create(server))
    await eventually(lambda: server.core.starter.under_way == 1)
    for name in ("q", "r"):
        body = {"name": name, "template_name": "t", "replicas": 4, "wait_for_ready": False}
        await server.client.post("/pools", json=body)
    await eventually(lambda: server.core.starter.under_way == 1 + keeping.MOST_STARTS_BESIDE_COLD)
    await server.core.pools.look(server.core)
    assert server.core.starter.under_way == 1 + keeping.MOST_STARTS_BESIDE_COLD

    await server.client.delete(f"/boxes/{(await server.client.get('/boxes')).json()['sandboxes'][0]['id']}")
    assert (await asyncio.wait_for(asyncio.gather(cold, return_exceptions=True), 10))[0] is not None
    async with asyncio.timeout(10):
        # The cold start may end after its answer.
        while server.core.starter.under_way != keeping.MOST_STARTS:
            server.core.pools.kick()
            await asyncio.sleep(0.01)
    query = select(Pool.name, func.count()).join(Sandbox, Sandbox.pool_id == Pool.id)
    rows = await server.core.database.fetch_all(query.where(Sandbox.state == "provisioning").group_by(Pool.name), {})
    assert {row[0]: row[1] for row in rows} == {"q": 2, "r": 2}
    server.runtime.may_create.set()
    await eventually(lambda: len(server.runtime.made) == 8)


async def test_a_change_of_replicas_tries_at_once(started: Start) -> None:
    server = await started(1)
    async with server.core.database.write() as session:
        await session.execute(update(Pool).values(failures=9, retry_at=time.time() + 3600, status_message="gone"))
        await session.execute(update(Sandbox).values(state="failed", status_message="gone"))
    await eventually(lambda: not server.runtime.made)
    assert (await pool_with(server, status="failing", ready_replicas=0))["failures"] == 9
    await server.client.patch("/pools/p", json={"replicas": 2})
    await pool_with(server, status="ready", failures=0)


async def test_a_claim_under_a_name_that_is_taken_takes_nothing(started: Start, all_alive: None) -> None:
    server = await started(2)
    first = await create(server, name="b")
    await pool_with(server, status="ready")
    warm = set(server.runtime.made)
    await create(server, 409, name="b")
    again = [
        await server.client.post("/boxes", json={"template_name": "t"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert again[0].json()["id"] == again[1].json()["id"] != first["id"]
    assert again[0].json()["id"] in warm
    await pool_with(server, status="ready")
    assert len(server.runtime.made) == 4
