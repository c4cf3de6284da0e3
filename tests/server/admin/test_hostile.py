"""What no client of sound mind sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.admin.conftest import Office

NAMES = ["%00", "a%00b", "%FF%FE", "%ED%A0%80", "~", "%7Ex", "x" * 101, "..%2F..", "%F0%9F%92%A9", "'--", "%25"]
PATHS = [
    "/workspaces/{}",
    "/workspaces/{}/keys",
    "/workspaces/{}/limits",
    "/workspaces/{}/usage",
    "/workspaces/default/keys/{}",
]


@pytest.mark.parametrize("name", NAMES)
async def test_names_that_are_none(office: Office, name: str) -> None:
    for path in PATHS:
        answer = await office.api.get(path.format(name))
        assert answer.status_code in (404, 422), (path, answer.text)
        assert answer.json()["detail"], path
    assert (await office.api.delete(f"/admin-keys/{name}")).status_code in (404, 422)
    assert (await office.api.delete(f"/workspaces/{name}?force=true")).status_code in (404, 422)
    for path in ("/workspaces", "/overview"):
        assert (await office.api.get(f"{path}?q={name}")).status_code in (200, 422)


async def test_a_nul_in_a_body_names_nothing(office: Office) -> None:
    client = office.client((await office.make_key())["api_key"])
    answer = await client.post("/boxes", json={"template_name": "a\0b"})
    assert answer.status_code in (404, 422), answer.text


@pytest.mark.parametrize("value", [-1, 2**70, 1.5, "many"])
async def test_limits_that_are_none(office: Office, value: object) -> None:
    for field in ("max_sandboxes", "max_cpu_millis", "max_storage_bytes", "default_ttl_seconds"):
        answer = await office.api.patch("/workspaces/default/limits", json={field: value})
        assert answer.status_code == 422, (field, answer.text)


async def test_actors_that_are_none(office: Office) -> None:
    for actor in (b"\x01\xff", b"\xf0\x9f\x92\xa9", b"x" * 5000, b" "):
        answer = await office.api.post(
            "/workspaces/default/keys", json={"name": "k"}, headers=[(b"X-Sandbox-Actor", actor)]
        )
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["created_by"]) <= 200
        assert answer.json()["created_by"].isprintable()
