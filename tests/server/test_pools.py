"""``/pools``, on a runtime in memory, and claims on the real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import StartFailedError
from sandboxcore.server.pools import PoolKeeper
from sandboxcore.server.reconcile import reconcile
from sandboxcore.server.services import filling, sandboxes
from tests.server.conftest import unique
from tests.server.test_creating import eventually, with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from sandboxcore.server.core import Core
    from sandboxcore.server.db.models import Sandbox
    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def full(client: httpx.AsyncClient, name: str, replicas: int) -> None:
    async with asyncio.timeout(20):
        while (await client.get(f"/pools/{name}")).json()["ready_replicas"] != replicas:
            await asyncio.sleep(0.02)


async def pool_with(server: Inside, **wanted: Any) -> dict[str, Any]:
    """The pool ``p``, as soon as it is as wanted."""
    async with asyncio.timeout(20):
        while True:
            pool: dict[str, Any] = (await server.client.get("/pools/p")).json()
            if all(pool[field] == value for field, value in wanted.items()):
                return pool
            await asyncio.sleep(0.01)


async def claims_of(server: Inside, name: str, count: int) -> list[dict[str, Any]]:
    """The claims of a pool, as soon as there are ``count``."""
    async with asyncio.timeout(20):
        while True:
            found: list[dict[str, Any]] = (await server.client.get(f"/pools/{name}/claims")).json()["claims"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


async def test_it_works(api: httpx.AsyncClient, template: str) -> None:
    name = unique("pool")
    made = await api.post("/pools", json={"name": name, "template_name": template, "replicas": 2, "timeout": 30})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["name"], body["template_name"], body["replicas"], body["ready_replicas"]) == (name, template, 2, 2)
    assert (body["status"], body["status_message"], body["failures"], body["retry_at"]) == ("ready", None, 0, None)
    found = (await api.get(f"/pools/{body['id']}")).json()
    assert found.pop("stats")["hits"] == 0
    assert found == body
    assert body in (await api.get("/pools")).json()["pools"]
    warm_are_hidden = (await api.get("/boxes")).json()["sandboxes"]
    assert not [box for box in warm_are_hidden if box["pool_name"] == name]

    claimed = await api.post("/boxes", json={"template_name": template, "name": unique("box"), "ttl_seconds": 600})
    assert claimed.status_code == 201
    box = claimed.json()
    assert (box["status"], box["pool_name"], box["ttl_seconds"]) == ("ready", name, 600)
    ran = await api.post(f"{box['dataplane_url']}/execute", json={"command": "echo warm"})
    assert ran.json()["stdout"] == "warm\n"
    await full(api, name, 2)

    assert (await api.delete(f"/templates/{template}")).status_code == 409
    scaled = await api.patch(f"/pools/{name}", json={"replicas": 1, "name": f"{name}-b"})
    assert (scaled.status_code, scaled.json()["replicas"]) == (200, 1)
    await full(api, f"{name}-b", 1)
    assert (await api.delete(f"/pools/{name}-b")).status_code == 204
    assert (await api.get(f"/pools/{name}-b")).status_code == 404
    assert (await api.get(f"/boxes/{box['name']}")).json()["pool_name"] is None
    assert (await api.delete(f"/boxes/{box['name']}")).status_code == 204


async def test_parallel_claims_never_share(api: httpx.AsyncClient, template: str) -> None:
    name = unique("pool")
    await api.post("/pools", json={"name": name, "template_name": template, "replicas": 3})
    answers = await asyncio.gather(*(api.post("/boxes", json={"template_name": template}) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 6
    assert [answer.json()["pool_name"] for answer in answers].count(name) >= 3
    await api.delete(f"/pools/{name}")
    for answer in answers:
        await api.delete(f"/boxes/{answer.json()['id']}")


BAD = [
    ({"template_name": "none"}, 400, "TemplateNotFound"),
    ({"replicas": 0}, 422, None),
    ({"replicas": 101}, 422, None),
    ({"replicas": "x"}, 422, None),
    ({"name": "No"}, 422, None),
    ({"timeout": 0}, 422, None),
]


@pytest.mark.parametrize(("change", "status", "kind"), BAD)
async def test_bad_values(
    api: httpx.AsyncClient, template: str, change: dict[str, Any], status: int, kind: str | None
) -> None:
    answer = await api.post("/pools", json={"name": unique("p"), "template_name": template, "replicas": 1, **change})
    assert answer.status_code == status
    if kind:
        assert answer.json()["detail"]["error"] == kind


async def test_names_are_unique_and_found(api: httpx.AsyncClient, template: str) -> None:
    body = {"name": unique("p"), "template_name": template, "replicas": 1, "wait_for_ready": False}
    assert (await api.post("/pools", json=body)).status_code == 201
    taken = await api.post("/pools", json=body)
    assert (taken.status_code, taken.json()["detail"]["error"]) == (409, "AlreadyExists")
    other = unique("p")
    await api.post("/pools", json={**body, "name": other})
    assert (await api.patch(f"/pools/{other}", json={"name": body["name"]})).status_code == 409
    assert (await api.patch("/pools/none", json={"replicas": 1})).status_code == 404
    assert (await api.patch(f"/pools/{other}", json={"replicas": 101})).status_code == 422
    assert (await api.delete("/pools/none")).status_code == 404
    for name in (body["name"], other):
        await api.delete(f"/pools/{name}")


async def test_not_full_in_time_is_504_and_it_goes_on(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    answer = await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 2, "timeout": 1})
    assert (answer.status_code, answer.json()["detail"]["error"]) == (504, "Timeout")
    assert "0 of 2" in answer.json()["detail"]["message"]
    server.runtime.may_create.set()
    await full(server.client, "p", 2)


async def test_a_pause_keeps_none_and_cold_starts_go_on(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 2})
    await server.client.patch("/pools/p", json={"replicas": 0})
    await eventually(lambda: len(server.runtime.made) == 0)
    box = await server.client.post("/boxes", json={"template_name": "t"})
    assert box.json()["pool_name"] is None


async def test_a_pool_that_cannot_be_filled_says_why_and_tries_again(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    body = {"name": "p", "template_name": "t", "replicas": 1, "wait_for_ready": False}
    await server.client.post("/pools", json=body)
    pool = await pool_with(server, status="failing")
    assert (pool["failures"], len(server.runtime.creations)) == (1, 1)
    assert pool["status_message"].startswith("ImagePull: no such image (filling failed once; the next try is at 20")
    assert pool["retry_at"] in pool["status_message"]
    server.runtime.create_error = None
    pool = await pool_with(server, status="ready")
    assert (pool["status_message"], pool["retry_at"]) == (None, None)


async def test_a_warm_one_that_died_is_replaced(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 1})
    [died] = server.runtime.made
    server.runtime.made.clear()
    await reconcile(server.core)
    server.core.pools.kick()
    await full(server.client, "p", 1)
    assert died not in server.runtime.made


async def test_a_claim_passes_over_those_that_died_unnoticed(inside: Start) -> None:
    """The runtime in memory has no shims, so every warm sandbox looks dead to a claim."""
    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 2})
    warm = set(server.runtime.made)
    box = (await server.client.post("/boxes", json={"template_name": "t", "name": "b"})).json()
    assert box["id"] not in warm
    assert (box["name"], box["pool_name"], box["status"]) == ("b", None, "ready")
    await eventually(lambda: warm <= set(server.runtime.destroyed))
    [claim] = await claims_of(server, "p", 1)
    assert (claim["hit"], claim["reason"]) == (False, "dead")


async def test_deleting_a_pool_ends_its_warm_ones(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 3})
    assert len(server.runtime.made) == 3
    assert (await server.client.delete("/pools/p")).status_code == 204
    assert server.runtime.made == {}
    assert (await server.client.delete("/templates/t")).status_code == 204


async def test_no_more_is_tried_before_a_failure_is_counted(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails at once would go on failing in one look, for ever."""

    async def look_away(_keeper: PoolKeeper, _core: Core) -> None:
        return

    monkeypatch.setattr(PoolKeeper, "look", look_away)
    server = await with_template(inside)
    made = {"name": "p", "template_name": "t", "replicas": 100, "wait_for_ready": False}
    assert (await server.client.post("/pools", json=made)).status_code == 201
    pool = (await filling.unsettled(server.core.database, max_age=0))[0]

    async def add() -> Sandbox | None:
        return await filling.add_warm(server.core.database, actor="test", pool=pool, starter="test")

    failing = await add()
    assert failing is not None
    await sandboxes.mark_failed(
        server.core.database,
        actor="test",
        sandbox_id=failing.id,
        kind="ImagePull",
        message="no",
        stop_reason="start_failed",
    )
    assert await add() is None
    assert await filling.drop_failed(server.core.database, actor="test", pool=pool) == [failing.id]
    assert await add() is None  # it waits now
