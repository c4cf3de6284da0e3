"""``/pools``, on a runtime in memory, and claims on the real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import StartFailedError
from sandboxcore.server.reconcile import reconcile
from sandboxcore.server.services import pools
from tests.server.conftest import unique
from tests.server.test_creating import eventually, with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def full(client: httpx.AsyncClient, name: str, replicas: int) -> None:
    async with asyncio.timeout(20):
        while (await client.get(f"/pools/{name}")).json()["ready_replicas"] != replicas:
            await asyncio.sleep(0.02)


async def test_it_works(api: httpx.AsyncClient, template: str) -> None:
    name = unique("pool")
    made = await api.post("/pools", json={"name": name, "template_name": template, "replicas": 2, "timeout": 30})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["name"], body["template_name"], body["replicas"], body["ready_replicas"]) == (name, template, 2, 2)
    assert (await api.get(f"/pools/{body['id']}")).json() == body
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


async def test_a_pool_that_cannot_be_filled_says_why_and_tries_less_and_less(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    body = {"name": "p", "template_name": "t", "replicas": 1, "wait_for_ready": False}
    await server.client.post("/pools", json=body)
    async with asyncio.timeout(10):
        while (await server.client.get("/pools/p")).json()["status_message"] != "no such image":
            await asyncio.sleep(0.02)
    attempts = len(server.runtime.creations)
    assert attempts == 1
    server.runtime.create_error = None
    await full(server.client, "p", 1)
    async with asyncio.timeout(10):
        while (await server.client.get("/pools/p")).json()["status_message"] is not None:
            await asyncio.sleep(0.02)


async def test_a_warm_one_that_died_is_replaced(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 1})
    [died] = server.runtime.made
    server.runtime.made.clear()
    await reconcile(server.core)
    server.core.pools.kick()
    await full(server.client, "p", 1)
    assert died not in server.runtime.made


async def test_a_claim_of_one_that_died_unnoticed_starts_another(
    inside: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime in memory has no shims, so every warm sandbox looks dead to a claim."""

    async def add_none(*_: object, **__: object) -> None:
        return None

    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 2})
    warm = set(server.runtime.made)
    monkeypatch.setattr(pools, "add_warm", add_none)
    box = await server.client.post("/boxes", json={"template_name": "t", "name": "b"})
    assert box.status_code == 201
    assert box.json()["id"] not in warm
    assert box.json()["name"] == "b"
    assert warm <= set(server.runtime.destroyed)


async def test_deleting_a_pool_ends_its_warm_ones(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 3})
    assert len(server.runtime.made) == 3
    assert (await server.client.delete("/pools/p")).status_code == 204
    assert server.runtime.made == {}
    assert (await server.client.delete("/templates/t")).status_code == 204
