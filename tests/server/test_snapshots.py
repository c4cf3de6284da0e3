"""What later releases of the client ask for and this server does not have is refused in words, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import unique

if TYPE_CHECKING:
    import httpx

CALLS = [
    ("POST", "/snapshots", "snapshots"),
    ("GET", "/snapshots", "snapshots"),
    ("GET", "/snapshots/x", "snapshots"),
    ("DELETE", "/snapshots/x", "snapshots"),
    ("POST", "/boxes/x/snapshot", "snapshots"),
    ("POST", "/boxes/x/stop", "stop"),
    ("POST", "/boxes/x/start", "stop"),
]


@pytest.mark.parametrize(("method", "path", "word"), CALLS)
async def test_it_works(api: httpx.AsyncClient, method: str, path: str, word: str) -> None:
    answer = await api.request(method, path, json={})
    assert answer.status_code == 501
    assert answer.json()["detail"]["error"] == "NotSupported"
    assert word in answer.json()["detail"]["message"]


@pytest.mark.parametrize(("method", "path", "word"), CALLS)
async def test_only_who_may_read_is_told(api: httpx.AsyncClient, method: str, path: str, word: str) -> None:
    answer = await api.request(method, path, json={}, headers={"X-Api-Key": "sbx_wrong_key"})
    assert answer.status_code == 401
    assert word not in answer.text


@pytest.mark.parametrize("field", ["vcpus", "mem_bytes", "fs_capacity_bytes", "proxy_config"])
async def test_what_must_not_be_ignored(api: httpx.AsyncClient, field: str) -> None:
    template = unique("t")
    await api.post("/templates", json={"name": template, "image": "host"})
    body: dict[str, Any] = {"template_name": template, field: {"access_control": {}} if field == "proxy_config" else 1}
    answer = await api.post("/boxes", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


async def test_what_may_be_ignored(api: httpx.AsyncClient) -> None:
    template = unique("t")
    await api.post("/templates", json={"name": template, "image": "host"})
    made = await api.post("/boxes", json={"template_name": template, "proxy_config": None, "colour": "blue"})
    assert made.status_code == 201
    assert "colour" not in made.json()
    await api.delete(f"/boxes/{made.json()['name']}")
