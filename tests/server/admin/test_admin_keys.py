"""``/v2/admin/admin-keys``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.server.admin.conftest import Office

ADMIN = "http://test/v2/admin"


async def test_it_works(office: Office) -> None:
    answer = await office.api.post("/admin-keys", json={"name": "second", "expires_in_seconds": 60})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    assert made["admin_key"].startswith(f"sbxa_{made['id']}_")
    second = office.client(made["admin_key"], ADMIN)
    listed = (await second.get("/admin-keys")).json()["admin_keys"]
    assert [key["name"] for key in listed] == ["operator", "second"]
    assert made["admin_key"] not in str(listed)


async def test_a_revoked_one_is_refused_from_this_moment_on(office: Office) -> None:
    made = (await office.api.post("/admin-keys", json={"name": "second"})).json()
    second = office.client(made["admin_key"], ADMIN)
    assert (await second.get("/overview")).status_code == 200
    assert (await office.api.delete(f"/admin-keys/{made['id']}")).status_code == 204
    assert (await second.get("/overview")).status_code == 401
    assert (await office.api.delete(f"/admin-keys/{made['id']}")).status_code == 204
    assert (await office.api.delete("/admin-keys/nothing")).status_code == 404


async def test_the_last_living_one_cannot_be_revoked(office: Office) -> None:
    [own] = (await office.api.get("/admin-keys")).json()["admin_keys"]
    answer = await office.api.delete(f"/admin-keys/{own['id']}")
    assert (answer.status_code, answer.json()["detail"]["error"]) == (409, "LastKey")
    assert (await office.api.get("/overview")).status_code == 200


async def test_two_that_revoke_each_other_at_once_leave_one(office: Office) -> None:
    made = (await office.api.post("/admin-keys", json={"name": "second"})).json()
    [first, second] = (await office.api.get("/admin-keys")).json()["admin_keys"]
    other = office.client(made["admin_key"], ADMIN)
    answers = await asyncio.gather(
        office.api.delete(f"/admin-keys/{second['id']}"), other.delete(f"/admin-keys/{first['id']}")
    )
    assert 204 in {answer.status_code for answer in answers}
    working = [(await client.get("/overview")).status_code for client in (office.api, other)]
    assert sorted(working) == [200, 401]
