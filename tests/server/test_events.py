"""``/events``: every change of state is recorded, in the transaction that makes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import StartFailedError, VolumeError
from sandboxcore.server.reconcile import reconcile
from sandboxcore.server.services import timeline
from sandboxcore.server.services.events import Subject, record
from tests.server.conftest import unique
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def events_of(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/events", params={"limit": 1000, **params})
    assert answer.status_code == 200, answer.text
    events: list[dict[str, Any]] = answer.json()["events"]
    return events


async def types_of(client: httpx.AsyncClient, subject: str) -> list[str]:
    return [event["type"] for event in await events_of(client, subject=subject)]


async def eventually_types(client: httpx.AsyncClient, subject: str, wanted: str, times: int = 1) -> list[str]:
    async with asyncio.timeout(20):
        while (found := await types_of(client, subject)).count(wanted) < times:
            await asyncio.sleep(0.01)
    return found


async def test_it_works(api: httpx.AsyncClient) -> None:
    before = (await api.get("/events")).json()["newest"]
    name = unique("template")
    template = (await api.post("/templates", json={"name": name, "image": "host"})).json()
    box = (await api.post("/boxes", json={"template_name": name})).json()
    await api.patch(f"/boxes/{box['name']}", json={"name": f"{box['name']}-b", "ttl_seconds": 600})
    await api.delete(f"/boxes/{box['id']}")
    await api.patch(f"/templates/{name}", json={"name": f"{name}-b"})
    await api.delete(f"/templates/{name}-b")

    assert await types_of(api, template["id"]) == ["template.created", "template.renamed", "template.deleted"]
    events = await events_of(api, subject=box["id"])
    assert [event["type"].removeprefix("sandbox.") for event in events] == [
        "created",
        "ready",
        "renamed",
        "lifetimes_changed",
        "deleting",
        "deleted",
    ]
    created, ready, renamed, lifetimes, deleting, deleted = events
    assert created["data"] == {"template": name, "pool": None, "start": "cold", "awaited": True}
    assert 0 < ready["data"]["seconds"] < 20
    assert renamed["data"] == {"before": box["name"]}
    assert lifetimes["data"]["ttl_seconds"] == 600
    assert deleting["data"] == {"stop_reason": "deleted"}
    assert [event["actor"] for event in events] == [box["created_by"], "system", *[box["created_by"]] * 3, "system"]
    assert {event["subject"]["kind"] for event in events} == {"sandbox"}
    assert (created["subject"]["name"], deleted["subject"]["name"]) == (box["name"], f"{box['name']}-b")
    everything = await events_of(api, after=before)
    assert [event["number"] for event in everything] == list(range(before + 1, before + 1 + len(everything)))
    assert [event["at"] for event in everything] == sorted(event["at"] for event in everything)


async def test_what_changes_nothing_is_no_event(api: httpx.AsyncClient, template: str) -> None:
    box = (await api.post("/boxes", json={"template_name": template})).json()
    newest = (await api.get("/events")).json()["newest"]
    assert (await api.patch(f"/boxes/{box['id']}", json={"name": box["name"], "ttl_seconds": 0})).status_code == 200
    assert (await api.patch(f"/templates/{template}", json={"name": template})).status_code == 200
    assert (await api.post("/templates", json={"name": template, "image": "host"})).status_code == 409
    assert (await api.post("/boxes", json={"template_name": template, "name": box["name"]})).status_code == 409
    assert (await api.delete("/boxes/nothing")).status_code == 404
    assert not await events_of(api, after=newest)
    assert (await api.delete(f"/boxes/{box['id']}")).status_code == 204
    assert [event["number"] for event in await events_of(api, after=newest)] == [newest + 1, newest + 2]


async def test_the_actor_is_the_person(inside: Start) -> None:
    app = await inside()
    headers = {"X-Sandbox-Actor": "ada@example.com"}
    made = await app.client.post("/templates", json={"name": "tt", "image": "host"}, headers=headers)
    events = await events_of(app.client, subject=made.json()["id"])
    assert [event["actor"] for event in events] == ["ada@example.com"]


async def test_volumes(inside: Start) -> None:
    app = await inside()
    volume = (await app.client.post("/volumes", json={"name": "data", "size": "64Mi"})).json()
    await app.client.patch("/volumes/data", json={"size": "128Mi"})
    app.runtime.volume_error = VolumeError("no room", kind="Failed")
    await app.client.patch("/volumes/data", json={"size": "256Mi"})
    await app.client.patch("/volumes/data", json={"name": "more"})
    app.runtime.volume_error = None
    await app.client.delete("/volumes/more")
    events = await events_of(app.client, subject=volume["id"])
    told = [(event["type"].removeprefix("volume."), event["data"]) for event in events]
    assert told == [
        ("created", {"size": "64Mi"}),
        ("ready", {}),
        ("growing", {"size": "64Mi", "wanted_size": "128Mi"}),
        ("grown", {"size": "128Mi"}),
        ("growing", {"size": "128Mi", "wanted_size": "256Mi"}),
        ("grow_failed", {"size": "128Mi", "message": "no room"}),
        ("renamed", {"before": "data"}),
        ("deleting", {}),
        ("deleted", {}),
    ]
    assert events[-1]["subject"]["name"] == "more"


async def test_a_volume_that_cannot_be_made(inside: Start) -> None:
    app = await inside()
    app.runtime.volume_error = VolumeError("no room", kind="Failed")
    body = {"name": "data", "size": "64Mi", "wait_for_ready": False}
    volume = (await app.client.post("/volumes", json=body)).json()
    assert await eventually_types(app.client, volume["id"], "volume.failed") == ["volume.created", "volume.failed"]
    assert (await events_of(app.client, subject=volume["id"]))[-1]["data"] == {"message": "no room"}


async def test_pools_and_what_is_claimed(inside: Start) -> None:
    app = await with_template(inside)
    body = {"name": "warm", "template_name": "t", "replicas": 1, "timeout": 20}
    pool = (await app.client.post("/pools", json=body)).json()
    await app.client.patch("/pools/warm", json={"replicas": 0})
    await eventually_types(app.client, pool["id"], "pool.warm_dropped")
    await app.client.patch("/pools/warm", json={"replicas": 2, "name": "warmer"})
    async with asyncio.timeout(20):
        while (await app.client.get("/pools/warmer")).json()["ready_replicas"] != 2:
            await asyncio.sleep(0.01)
    await app.client.patch("/pools/warmer", json={"replicas": 1})
    await eventually_types(app.client, pool["id"], "pool.warm_dropped", times=2)
    await app.client.delete("/pools/warmer")
    events = await events_of(app.client, subject=pool["id"])
    told = [(event["type"].removeprefix("pool."), event["data"].get("ready_replicas")) for event in events]
    assert told == [
        ("created", None),
        ("warm_ready", 1),
        ("paused", None),
        ("warm_dropped", 0),
        ("renamed", None),
        ("resumed", None),
        ("warm_ready", 1),
        ("warm_ready", 2),
        ("scaled", None),
        ("warm_dropped", 1),
        ("deleted", None),
    ]
    assert not await events_of(app.client, type="sandbox"), "nobody asked for a warm sandbox"


async def test_a_claim(api: httpx.AsyncClient, template: str) -> None:
    pool = unique("pool")
    await api.post("/pools", json={"name": pool, "template_name": template, "replicas": 1, "timeout": 30})
    box = (await api.post("/boxes", json={"template_name": template})).json()
    assert box["pool_name"] == pool
    created, claimed = await events_of(api, subject=box["id"])
    assert (created["type"], created["data"]["start"], created["data"]["pool"]) == ("sandbox.created", "warm", pool)
    assert (claimed["type"], claimed["data"]["ready_replicas"]) == ("sandbox.claimed", 0)
    assert {created["actor"], claimed["actor"]} == {box["created_by"]}
    await api.delete(f"/pools/{pool}")
    await api.delete(f"/boxes/{box['id']}")


async def test_a_pool_that_fails_and_recovers(inside: Start) -> None:
    app = await with_template(inside)
    app.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    body = {"name": "warm", "template_name": "t", "replicas": 1, "wait_for_ready": False}
    pool = (await app.client.post("/pools", json=body)).json()
    await eventually_types(app.client, pool["id"], "pool.failing")
    app.runtime.create_error = None
    await eventually_types(app.client, pool["id"], "pool.recovered")
    found = await eventually_types(app.client, pool["id"], "pool.warm_ready")
    assert (found.count("pool.failing"), found.count("pool.recovered")) == (1, 1)
    failed = next(event for event in await events_of(app.client, subject=pool["id"]) if "failed" in event["type"])
    assert failed["data"]["kind"] == "ImagePull"
    assert failed["data"]["message"] == "no such image"


async def test_a_start_that_fails_and_a_sandbox_that_dies(inside: Start) -> None:
    app = await with_template(inside)
    app.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    body = {"template_name": "t", "wait_for_ready": False}
    failing = (await app.client.post("/boxes", json=body)).json()
    assert (await eventually_types(app.client, failing["id"], "sandbox.failed"))[0] == "sandbox.created"
    failed = (await events_of(app.client, subject=failing["id"]))[-1]
    assert failed["data"] == {"kind": "ImagePull", "message": "no such image", "stop_reason": "start_failed"}

    app.runtime.create_error = None
    dying = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    app.runtime.made.clear()
    await reconcile(app.core)
    last = (await events_of(app.client, subject=dying["id"]))[-1]
    assert (last["type"], last["actor"], last["data"]["stop_reason"]) == ("sandbox.failed", "system", "died")


async def test_pages(inside: Start) -> None:
    app = await inside()
    for number in range(5):
        await app.client.post("/templates", json={"name": f"template-{number}", "image": "host"})
    everything = [event["number"] for event in await events_of(app.client)]
    for order, expected in (("asc", everything), ("desc", everything[::-1])):
        found: list[int] = []
        after: int | None = None
        while not found or after is not None:
            params: dict[str, Any] = {"limit": 2, "order": order} | ({} if after is None else {"after": after})
            page = (await app.client.get("/events", params=params)).json()
            found += [event["number"] for event in page["events"]]
            after = page["next_after"]
            assert (page["oldest"], page["newest"]) == (everything[0], everything[-1])
        assert found == expected
    assert len(await events_of(app.client, subject="template-3")) == 1
    assert len(await events_of(app.client, type="template.created")) == 5
    assert len(await events_of(app.client, type=["template", "key.created"])) >= 5
    assert not await events_of(app.client, type="template", subject="template-7")


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", "order=up", "type=template.eaten", f"subject={'x' * 201}"]
)
async def test_what_cannot_be_asked(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == query.partition("=")[0]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_rare_type_is_looked_for_in_bounded_steps(
    inside: Start, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(timeline, "MOST_LOOKED_AT", 3)
    app = await inside()
    first = await app.client.post("/templates", json={"name": "t-first", "image": "host"})
    for number in range(9):
        await app.client.patch("/templates/t-first", json={"name": f"t-{number}"})
        await app.client.patch(f"/templates/t-{number}", json={"name": "t-first"})
    await app.client.delete("/templates/t-first")
    found: list[str] = []
    pages = 0
    params: dict[str, Any] = {"type": ["template.created", "template.deleted"], "order": order, "limit": 1}
    while pages == 0 or params["after"] is not None:
        page = (await app.client.get("/events", params=params)).json()
        found += [event["type"] for event in page["events"]]
        params["after"] = page["next_after"]
        pages += 1
    expected = ["template.created", "template.deleted"]
    assert found == (expected if order == "asc" else expected[::-1])
    assert pages >= 20 / 3
    by_identifier = await app.client.get("/events", params={"subject": first.json()["id"], "type": "template.deleted"})
    assert (len(by_identifier.json()["events"]), by_identifier.json()["next_after"]) == (1, None)


async def test_long_words_are_cut(inside: Start) -> None:
    app = await with_template(inside)
    app.runtime.create_error = StartFailedError("x" * 100_000, kind="ImagePull")
    box = (await app.client.post("/boxes", json={"template_name": "t", "wait_for_ready": False})).json()
    await eventually_types(app.client, box["id"], "sandbox.failed")
    assert (await events_of(app.client, subject=box["id"]))[-1]["data"]["message"] == "x" * 2000


async def test_an_unknown_type_is_refused(inside: Start) -> None:
    app = await inside()
    subject = Subject("template", "x", "x", "w")
    async with app.core.database.write("w") as session:
        with pytest.raises(ValueError, match=r"template\.eaten"):
            await record(session, subject, "eaten", actor="test")


async def test_what_is_rolled_back_has_no_number(inside: Start) -> None:
    app = await with_template(inside)
    before = (await app.client.get("/events")).json()["newest"]
    workspace_id = (await app.core.keys.identify(app.client.headers["x-api-key"])).workspace_id
    with pytest.raises(ZeroDivisionError):
        async with app.core.database.write(workspace_id) as session:
            await record(session, Subject("template", "x", "t", workspace_id), "renamed", actor="test")
            raise ZeroDivisionError
    assert (await app.client.get("/events")).json()["newest"] == before
    await app.client.patch("/templates/t", json={"name": "tt"})
    assert [event["number"] for event in await events_of(app.client, after=before)] == [before + 1]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_number_far_beyond_the_newest(api: httpx.AsyncClient, box: dict[str, Any], order: str) -> None:
    for path in ("/events", f"/boxes/{box['id']}/events"):
        answer = await api.get(path, params={"after": 2**63 - 1, "order": order})
        assert answer.status_code == 200, answer.text
        assert answer.json()["next_after"] is None or order == "desc"
