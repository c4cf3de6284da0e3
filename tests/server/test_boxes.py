"""``/boxes`` on the real server."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.server.running import Sandboxd


async def test_it_works(api: httpx.AsyncClient, sandboxd: Sandboxd, template: str) -> None:
    name = unique("box")
    made = await api.post(
        "/boxes", json={"template_name": template, "name": name, "wait_for_ready": True, "timeout": 30}
    )
    assert made.status_code == 201
    body = made.json()
    assert body["status"] == "ready"
    assert body["status_message"] is None
    assert body["template_name"] == template
    assert body["dataplane_url"] == f"{sandboxd.origin}/v2/sandboxes/boxes/{body['id']}/dataplane"
    assert (body["ttl_seconds"], body["idle_ttl_seconds"], body["expires_at"]) == (0, 0, None)
    for path in (name, body["id"]):
        found = (await api.get(f"/boxes/{path}")).json()
        assert {key: found[key] for key in ("id", "name", "status")} == {
            "id": body["id"],
            "name": name,
            "status": "ready",
        }
    status = await api.get(f"/boxes/{name}/status")
    assert status.json() == {"status": "ready", "status_message": None}
    assert body["id"] in [sandbox["id"] for sandbox in (await api.get("/boxes")).json()["sandboxes"]]
    assert (await api.delete(f"/boxes/{name}")).status_code == 204
    assert (await api.get(f"/boxes/{name}")).status_code == 404
    assert (await api.delete(f"/boxes/{name}")).status_code == 404


async def test_without_waiting_it_becomes_ready_by_itself(api: httpx.AsyncClient, template: str) -> None:
    made = await api.post("/boxes", json={"template_name": template, "wait_for_ready": False})
    assert made.status_code == 201
    assert made.json()["status"] == "provisioning"
    assert made.json()["name"].startswith("sandbox-")
    async with asyncio.timeout(20):
        while (await api.get(f"/boxes/{made.json()['name']}/status")).json()["status"] != "ready":
            await asyncio.sleep(0.02)
    await api.delete(f"/boxes/{made.json()['name']}")


async def test_an_unknown_image_fails_with_the_runtimes_words(api: httpx.AsyncClient) -> None:
    template = unique("template")
    await api.post("/templates", json={"name": template, "image": "no-such-image:1"})
    name = unique("box")
    refused = await api.post("/boxes", json={"template_name": template, "name": name})
    assert refused.status_code == 422
    assert refused.json()["detail"]["error"] == "ImagePull"
    assert "image" in refused.json()["detail"]["message"]
    assert (await api.get(f"/boxes/{name}")).status_code == 404

    await api.post("/boxes", json={"template_name": template, "name": name, "wait_for_ready": False})
    async with asyncio.timeout(20):
        while (status := (await api.get(f"/boxes/{name}/status")).json())["status"] == "provisioning":
            await asyncio.sleep(0.02)
    assert status["status"] == "failed"
    assert status["status_message"].startswith("ImagePull: ")
    assert (await api.get(f"/boxes/{name}")).json()["stop_reason"] == "start_failed"
    assert (await api.delete(f"/boxes/{name}")).status_code == 204


async def test_an_unknown_template_is_404(api: httpx.AsyncClient) -> None:
    answer = await api.post("/boxes", json={"template_name": "none"})
    assert answer.status_code == 404
    assert answer.json()["detail"]["error"] == "TemplateNotFound"


async def test_a_name_that_is_taken_is_409_and_free_after_deletion(
    api: httpx.AsyncClient, template: str, box: dict[str, Any]
) -> None:
    body = {"template_name": template, "name": box["name"]}
    taken = await api.post("/boxes", json=body)
    assert taken.status_code == 409
    assert taken.json()["detail"]["error"] == "AlreadyExists"
    await api.delete(f"/boxes/{box['name']}")
    again = await api.post("/boxes", json=body)
    assert again.status_code == 201
    assert again.json()["id"] != box["id"]
    await api.delete(f"/boxes/{box['name']}")


async def test_parallel_creates_of_one_name_make_one(api: httpx.AsyncClient, template: str) -> None:
    body = {"template_name": template, "name": unique("box")}
    answers = await asyncio.gather(*(api.post("/boxes", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    await api.delete(f"/boxes/{body['name']}")


async def test_a_retried_create_with_an_idempotency_key_makes_one(api: httpx.AsyncClient, template: str) -> None:
    headers = {"Idempotency-Key": unique("key")}
    body = {"template_name": template}
    answers = await asyncio.gather(*(api.post("/boxes", json=body, headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await api.post("/boxes", json={**body, "name": unique("box")}, headers=headers)
    assert (other.status_code, other.json()["detail"]["error"]) == (409, "IdempotencyKeyReused")
    await api.delete(f"/boxes/{answers[0].json()['id']}")
    later = await api.post("/boxes", json=body, headers=headers)
    assert later.json()["id"] != answers[0].json()["id"]
    await api.delete(f"/boxes/{later.json()['id']}")


BAD = [
    ({"name": "Bad"}, ["body", "name"]),
    ({"name": ""}, ["body", "name"]),
    ({"template_name": None}, ["body", "template_name"]),
    ({"ttl_seconds": 61}, ["body", "ttl_seconds"]),
    ({"ttl_seconds": -60}, ["body", "ttl_seconds"]),
    ({"ttl_seconds": "soon"}, ["body", "ttl_seconds"]),
    ({"ttl_seconds": 60 * 10**9}, ["body", "ttl_seconds"]),
    ({"idle_ttl_seconds": 1}, ["body", "idle_ttl_seconds"]),
    ({"timeout": -1}, ["body", "timeout"]),
    ({"timeout": "long"}, ["body", "timeout"]),
    ({"wait_for_ready": "perhaps"}, ["body", "wait_for_ready"]),
]


@pytest.mark.parametrize(("change", "loc"), BAD)
async def test_a_bad_value_is_422_and_named(
    api: httpx.AsyncClient, template: str, change: dict[str, Any], loc: list[Any]
) -> None:
    answer = await api.post("/boxes", json={"template_name": template, **change})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("value_error", loc)


async def test_lifetimes_and_their_deadline(api: httpx.AsyncClient, template: str) -> None:
    made = await api.post("/boxes", json={"template_name": template, "ttl_seconds": 3600, "idle_ttl_seconds": 120})
    body = made.json()
    created, expires = datetime.fromisoformat(body["created_at"]), datetime.fromisoformat(body["expires_at"])
    assert expires - created == timedelta(seconds=120)
    path = f"/boxes/{body['name']}"
    changed = (await api.patch(path, json={"idle_ttl_seconds": 0})).json()
    assert datetime.fromisoformat(changed["expires_at"]) - created == timedelta(seconds=3600)
    assert (await api.patch(path, json={"ttl_seconds": 0})).json()["expires_at"] is None
    assert (await api.patch(path, json={"ttl_seconds": 30})).status_code == 422
    await api.delete(path)


async def test_activity_moves_the_idle_deadline_and_looking_does_not(api: httpx.AsyncClient, template: str) -> None:
    made = (await api.post("/boxes", json={"template_name": template, "idle_ttl_seconds": 60})).json()
    path = f"/boxes/{made['id']}"
    assert (await api.get(path)).json()["expires_at"] == made["expires_at"]
    await api.post(f"{path}/dataplane/execute", json={"command": "true"})
    after = (await api.get(path)).json()
    assert after["expires_at"] > made["expires_at"]
    assert after["last_activity_at"] > made["last_activity_at"]
    await api.delete(path)


async def test_rename(api: httpx.AsyncClient, template: str, box: dict[str, Any]) -> None:
    name = unique("renamed")
    renamed = await api.patch(f"/boxes/{box['name']}", json={"name": name})
    assert renamed.status_code == 200
    assert renamed.json()["name"] == name
    assert renamed.json()["dataplane_url"] == box["dataplane_url"]
    assert (await api.get(f"/boxes/{box['name']}")).status_code == 404
    other = (await api.post("/boxes", json={"template_name": template})).json()
    conflict = await api.patch(f"/boxes/{other['name']}", json={"name": name})
    assert conflict.status_code == 409
    assert (await api.patch(f"/boxes/{other['name']}", json={"name": "NO"})).status_code == 422
    assert (await api.patch("/boxes/none", json={"name": "x"})).status_code == 404
    await api.delete(f"/boxes/{other['name']}")


async def test_a_renamed_template_shows_at_its_sandboxes(
    api: httpx.AsyncClient, template: str, box: dict[str, Any]
) -> None:
    await api.patch(f"/templates/{template}", json={"name": f"{template}-b"})
    assert (await api.get(f"/boxes/{box['name']}")).json()["template_name"] == f"{template}-b"


async def test_the_public_address_is_told_where_it_is_set(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(public_url="https://sandboxes.example.com/")
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    body = (await api.post("/boxes", json={"template_name": "t"})).json()
    assert body["dataplane_url"] == f"https://sandboxes.example.com/v2/sandboxes/boxes/{body['id']}/dataplane"


async def test_capabilities_tell_what_holds(api: httpx.AsyncClient) -> None:
    body = (await api.get("/capabilities")).json()
    assert body["available"] is True
    assert (body["runtime"], body["isolated"]) == ("process", False)
    assert body["notes"]


async def test_an_unknown_address_has_the_usual_shape(api: httpx.AsyncClient) -> None:
    answer = await api.get("/nothing")
    assert (answer.status_code, answer.json()["detail"]["error"]) == (404, "NotFound")
    wrong_method = await api.put("/boxes")
    assert (wrong_method.status_code, wrong_method.json()["detail"]["error"]) == (405, "MethodNotAllowed")
