"""``/templates`` on the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import unique

if TYPE_CHECKING:
    import httpx


async def test_it_works(api: httpx.AsyncClient) -> None:
    name = unique("template")
    made = await api.post("/templates", json={"name": name, "image": "python:3.12-slim"})
    assert made.status_code == 201
    body = made.json()
    assert body["resources"] == {"cpu": "500m", "memory": "512Mi", "storage": "2Gi"}
    assert body["volume_mounts"] == []
    assert body["created_at"] == body["updated_at"]
    assert body["created_at"].endswith("+00:00")
    assert (await api.get(f"/templates/{name}")).json() == body
    assert (await api.get(f"/templates/{body['id']}")).json() == body
    assert body in (await api.get("/templates")).json()["templates"]

    renamed = await api.patch(f"/templates/{name}", json={"name": f"{name}-2"})
    assert renamed.status_code == 200
    assert renamed.json()["id"] == body["id"]
    assert (await api.get(f"/templates/{name}")).status_code == 404

    assert (await api.delete(f"/templates/{name}-2")).status_code == 204
    assert (await api.delete(f"/templates/{name}-2")).status_code == 404


async def test_quantities_are_kept_as_written(api: httpx.AsyncClient) -> None:
    resources = {"cpu": "1.5", "memory": "1e9", "storage": "1Gi"}
    made = await api.post("/templates", json={"name": unique("t"), "image": "host", "resources": resources})
    assert made.json()["resources"] == resources
    number = await api.post("/templates", json={"name": unique("t"), "image": "host", "resources": {"cpu": 2}})
    assert number.json()["resources"]["cpu"] == "2"


async def test_fields_of_newer_clients_are_ignored(api: httpx.AsyncClient) -> None:
    body = {"name": unique("t"), "image": "host", "gpu": 1, "resources": {"cpu": "1", "gpu": 1}}
    assert (await api.post("/templates", json=body)).status_code == 201


BAD = [
    ({"name": "Bad Name"}, ["body", "name"]),
    ({"name": "x" * 64}, ["body", "name"]),
    ({"name": "x" * 500}, ["body", "name"]),
    ({"name": None}, ["body", "name"]),
    ({"name": 5}, ["body", "name"]),
    ({"image": ""}, ["body", "image"]),
    ({"image": "two words"}, ["body", "image"]),
    ({"image": "a\x1b[31m"}, ["body", "image"]),
    ({"image": "a" * 600}, ["body", "image"]),
    ({"resources": {"cpu": "much"}}, ["body", "resources", "cpu"]),
    ({"resources": {"cpu": "-1"}}, ["body", "resources", "cpu"]),
    ({"resources": {"cpu": "1m"}}, ["body", "resources", "cpu"]),
    ({"resources": {"cpu": "1000"}}, ["body", "resources", "cpu"]),
    ({"resources": {"cpu": True}}, ["body", "resources", "cpu"]),
    ({"resources": {"cpu": "1" * 500}}, ["body", "resources", "cpu"]),
    ({"resources": {"memory": "1gb"}}, ["body", "resources", "memory"]),
    ({"resources": {"memory": "1"}}, ["body", "resources", "memory"]),
    ({"resources": {"memory": "1Ei"}}, ["body", "resources", "memory"]),
    ({"resources": {"storage": "lots"}}, ["body", "resources", "storage"]),
    ({"resources": []}, ["body", "resources"]),
    ({"volume_mounts": [{"volume_name": "none", "mount_path": "/data"}]}, ["body", "volume_mounts", 0, "volume_name"]),
    ({"volume_mounts": [{"volume_name": "none", "mount_path": "data"}]}, ["body", "volume_mounts", 0, "mount_path"]),
    ({"volume_mounts": [{"volume_name": "none", "mount_path": "/a/../b"}]}, ["body", "volume_mounts", 0, "mount_path"]),
]


@pytest.mark.parametrize(("change", "loc"), BAD)
async def test_a_bad_value_is_422_and_named(api: httpx.AsyncClient, change: dict[str, Any], loc: list[Any]) -> None:
    answer = await api.post("/templates", json={"name": unique("t"), "image": "host", **change})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["type"] == "value_error"
    assert problem["loc"] == loc
    assert problem["msg"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"null"])
async def test_a_body_that_is_no_object_is_422(api: httpx.AsyncClient, content: bytes) -> None:
    answer = await api.post("/templates", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert {problem["type"] for problem in answer.json()["detail"]} == {"value_error"}


async def test_a_huge_body_is_413(api: httpx.AsyncClient) -> None:
    answer = await api.post("/templates", json={"name": "x", "image": "y" * (3 << 20)})
    assert answer.status_code == 413
    assert answer.json()["detail"]["error"] == "TooLarge"


async def test_a_name_that_is_taken_is_409(api: httpx.AsyncClient, template: str) -> None:
    again = await api.post("/templates", json={"name": template, "image": "other"})
    assert again.status_code == 409
    assert again.json()["detail"]["error"] == "AlreadyExists"
    other = unique("other")
    await api.post("/templates", json={"name": other, "image": "host"})
    renamed = await api.patch(f"/templates/{other}", json={"name": template})
    assert renamed.status_code == 409
    assert (await api.get(f"/templates/{other}")).status_code == 200


async def test_a_rename_to_itself_is_allowed(api: httpx.AsyncClient, template: str) -> None:
    assert (await api.patch(f"/templates/{template}", json={"name": template})).status_code == 200


async def test_a_template_in_use_is_409_and_says_by_whom(
    api: httpx.AsyncClient, template: str, box: dict[str, Any]
) -> None:
    refused = await api.delete(f"/templates/{template}")
    assert refused.status_code == 409
    assert refused.json()["detail"]["error"] == "InUse"
    assert box["name"] in refused.json()["detail"]["message"]
    await api.delete(f"/boxes/{box['name']}")
    assert (await api.delete(f"/templates/{template}")).status_code == 204


async def test_what_does_not_exist_is_404(api: httpx.AsyncClient) -> None:
    for answer in [
        await api.get("/templates/none"),
        await api.patch("/templates/none", json={"name": "x"}),
        await api.delete("/templates/none"),
    ]:
        assert answer.status_code == 404
        assert answer.json()["detail"]["error"] == "TemplateNotFound"
