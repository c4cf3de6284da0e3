"""What a pool costs and how large it should be, in ``GET /pools/{name}``, on both databases."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from sandboxcore.server.db.models import Allocation, Base, Pool, Sandbox
from sandboxcore.server.names import new_id
from sandboxcore.server.services.claims import Claim
from tests.server.test_creating import with_template
from tests.server.test_pools import pool_with

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def stats(server: Inside) -> dict[str, Any]:
    found: dict[str, Any] = (await server.client.get("/pools/p")).json()["stats"]
    return found


async def with_pool(inside: Start, replicas: int) -> Inside:
    server = await with_template(inside)
    body = {"name": "p", "template_name": "t", "replicas": replicas}
    assert (await server.client.post("/pools", json=body)).status_code == 201
    return server


async def age(server: Inside, seconds: float) -> None:
    """As if the pool had been made, and filled, so many seconds earlier than it was."""
    async with server.core.database.write() as session:
        await session.execute(update(Pool).values(created_at=Pool.created_at - seconds))
        await session.execute(update(Allocation).values(started_at=Allocation.started_at - seconds))


async def test_it_works(inside: Start) -> None:
    server = await with_pool(inside, 2)
    found = await stats(server)
    assert found["suggested_replicas"] is None
    assert found["suggested_because"].startswith("nothing was created from the template in the last hour")
    await age(server, 100)
    found = await stats(server)
    assert found["warm_seconds"] == pytest.approx(200, abs=20)
    assert found["warm_cpu_seconds"] == pytest.approx(found["warm_seconds"] * 0.25, abs=0.01)
    assert found["warm_memory_byte_seconds"] == pytest.approx(found["warm_seconds"] * (64 << 20), rel=1e-3)


async def test_waiting_counts_for_the_window_alone(inside: Start) -> None:
    server = await with_pool(inside, 1)
    await age(server, 50_000)
    assert (await stats(server))["warm_seconds"] == pytest.approx(3600, abs=1)


async def test_waiting_ends_with_the_claim_and_outlives_the_sandbox(inside: Start) -> None:
    server = await with_pool(inside, 1)
    await age(server, 100)
    before = (await stats(server))["warm_seconds"]
    async with server.core.database.write() as session:
        like = (await session.execute(select(Base.metadata.tables["allocations"]))).mappings().first()
        claimed = {"id": new_id(), "subject_id": new_id(), "ended_at": like["started_at"] + 60}
        await session.execute(insert(Base.metadata.tables["allocations"]), [dict(like) | claimed])
    assert 60 <= (await stats(server))["warm_seconds"] - before < 80


async def test_a_new_name_keeps_what_is_still_warm(inside: Start) -> None:
    server = await with_pool(inside, 1)
    await age(server, 100)
    await server.client.patch("/pools/p", json={"name": "other"})
    found = (await server.client.get("/pools/other")).json()["stats"]
    assert found["warm_seconds"] == pytest.approx(100, abs=20)


async def test_an_earlier_pool_of_the_name_is_not_counted(inside: Start) -> None:
    server = await with_pool(inside, 1)
    await age(server, 1000)
    await server.client.delete("/pools/p")
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 1})
    assert (await stats(server))["warm_seconds"] < 20


async def test_the_size_follows_the_creates(inside: Start) -> None:
    server = await with_pool(inside, 1)
    pool = await pool_with(server, ready_replicas=1)
    async with server.core.database.write() as session:
        await session.execute(update(Sandbox).values(created_at=Sandbox.ready_at - 2))
    moment = time.time() - 60
    for later in (0.0, 0.5, 1.0, 30.0):
        server.core.claims.note(Claim(pool["id"], moment + later, 0.005, None if later != 1.0 else "empty"))
    await server.core.claims.write_down()
    found = await stats(server)
    assert found["suggested_replicas"] == 3
    assert found["suggested_because"] == (
        "with 3 warm each of the 4 creates in the last hour would have found one: "
        "up to 3 creates came while one start lasted (a start takes 2.0 s)"
    )


async def test_more_creates_than_are_looked_at_are_said(inside: Start) -> None:
    server = await with_pool(inside, 1)
    pool = await pool_with(server, ready_replicas=1)
    moment = time.time() - 60
    for number in range(1001):
        server.core.claims.note(Claim(pool["id"], moment + number / 1000, 0.005, None))
    await server.core.claims.write_down()
    assert "in the newest 1000 creates" in (await stats(server))["suggested_because"]


async def test_a_list_tells_hit_rates(inside: Start) -> None:
    server = await with_pool(inside, 1)
    pool = await pool_with(server, ready_replicas=1)
    await server.client.post("/pools", json={"name": "unused", "template_name": "t", "replicas": 1})
    moment = time.time()
    for age, reason in ((0, None), (1, None), (2, "empty"), (7200, "empty")):
        server.core.claims.note(Claim(pool["id"], moment - age, 0.005, reason))
    await server.core.claims.write_down()
    listed = (await server.client.get("/pools", params={"include": "usage"})).json()["pools"]
    assert [each["stats"] for each in listed] == [
        {"hits": 2, "misses": 1, "hit_rate": 0.6667, "window_seconds": 3600},
        {"hits": 0, "misses": 0, "hit_rate": None, "window_seconds": 3600},
    ]
    assert "stats" not in (await server.client.get("/pools")).text
