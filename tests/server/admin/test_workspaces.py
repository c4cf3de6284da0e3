"""``/v2/admin/workspaces``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from sandboxcore.runtimes.base import RuntimeUnavailableError
from sandboxcore.server.db.models import Allocation, ApiKey, EndedSandbox, Event, Sandbox, Template, Volume, Workspace
from sandboxcore.server.reconcile import reconcile
from sandboxcore.server.services import workspace_ending

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    import pytest

    from tests.server.admin.conftest import Office

WAIT = 10


async def until(condition: Callable[[], Any]) -> None:
    """Wait for an asynchronous condition."""
    async with asyncio.timeout(WAIT):
        while not await condition():
            await asyncio.sleep(0.01)


async def fill(client: httpx.AsyncClient) -> None:
    """Give a workspace something of everything."""
    for path, body in (
        ("volumes", {"name": "v", "size": "16Mi"}),
        ("templates", {"name": "t", "image": "host"}),
        (
            "templates",
            {"name": "mounting", "image": "host", "volume_mounts": [{"volume_name": "v", "mount_path": "/v"}]},
        ),
        ("boxes", {"name": "b", "template_name": "t"}),
        ("boxes", {"name": "c", "template_name": "mounting"}),
        ("pools", {"name": "p", "template_name": "t", "replicas": 2}),
    ):
        answer = await client.post(f"/{path}", json=body)
        assert answer.status_code == 201, answer.text


async def test_it_works(office: Office) -> None:
    made = await office.workspace("blue", limits={"max_sandboxes": 3, "max_ttl_seconds": 600})
    assert (made["name"], made["deleting_at"]) == ("blue", None)
    assert made["limits"]["max_sandboxes"] == 3
    assert made["limits"]["max_pools"] is None
    for name in ("blue", made["id"]):
        assert (await office.api.get(f"/workspaces/{name}")).json() == made
    listed = (await office.api.get("/workspaces")).json()
    assert [workspace["name"] for workspace in listed["workspaces"]] == ["blue", "default"]
    assert listed["total"] == 2


async def test_pages_and_parts_of_names(office: Office) -> None:
    for name in ("a-one", "a-two", "b_", "b-one"):
        answer = await office.api.post("/workspaces", json={"name": name})
        assert answer.status_code == (422 if name == "b_" else 201)
    page = (await office.api.get("/workspaces", params={"q": "a-", "limit": 1, "offset": 1})).json()
    assert ([each["name"] for each in page["workspaces"]], page["total"]) == (["a-two"], 2)
    assert (await office.api.get("/workspaces", params={"q": "%"})).json()["total"] == 0


async def test_a_name_that_is_taken_is_409(office: Office) -> None:
    await office.workspace("blue")
    answer = await office.api.post("/workspaces", json={"name": "blue"})
    assert (answer.status_code, answer.json()["detail"]["error"]) == (409, "AlreadyExists")
    assert (await office.api.patch("/workspaces/default", json={"name": "blue"})).status_code == 409


async def test_a_workspace_with_wrong_limits_is_not_made(office: Office) -> None:
    answer = await office.api.post("/workspaces", json={"name": "blue", "limits": {"max_sandboxes": -1}})
    assert answer.status_code == 422
    assert (await office.api.get("/workspaces/blue")).status_code == 404
    await office.workspace("blue")


async def test_renaming_and_limits(office: Office) -> None:
    key = (await office.make_key())["api_key"]
    answer = await office.api.patch(
        "/workspaces/default", json={"name": "green", "limits": {"max_volumes": 1}}, headers={"X-Sandbox-Actor": "ada"}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["limits"]["max_volumes"]) == ("green", 1)
    assert (await office.api.get("/workspaces/default")).status_code == 404
    client = office.client(key)
    assert (await client.post("/volumes", json={"name": "one", "size": "16Mi"})).status_code == 201
    refused = await client.post("/volumes", json={"name": "two", "size": "16Mi"})
    assert (refused.status_code, "volume count" in refused.text) == (429, True)
    [renamed] = [each for each in await office.events(key, "workspace") if each["type"] == "workspace.renamed"]
    assert (renamed["actor"], renamed["data"]) == ("ada", {"before": "default"})


async def test_a_change_that_fails_changes_nothing(office: Office) -> None:
    before = await office.workspace("blue")
    for body in (
        {"name": "default", "limits": {"max_pools": 1}},
        {"name": "No!", "limits": {"max_pools": 1}},
        {"name": "green", "limits": {"max_pools": -1}},
    ):
        answer = await office.api.patch("/workspaces/blue", json=body)
        assert answer.status_code in (409, 422), answer.text
    assert (await office.api.get("/workspaces/blue")).json() == before
    same = await office.api.patch("/workspaces/blue", json={"name": "blue", "limits": {"max_pools": 1}})
    assert same.status_code == 200, same.text


async def test_limits_show_what_is_held(office: Office) -> None:
    await office.workspace("blue")
    client = office.client((await office.make_key("blue"))["api_key"])
    await fill(client)
    answer = await office.api.patch("/workspaces/blue/limits", json={"max_sandboxes": 9, "max_pools": 2})
    assert answer.status_code == 200, answer.text
    assert answer.json()["limits"]["max_sandboxes"] == 9
    assert (answer.json()["held"]["sandboxes"], answer.json()["held"]["pools"]) == (4, 1)
    answer = await office.api.patch("/workspaces/blue/limits", json={"max_pools": None})
    assert (answer.json()["limits"]["max_sandboxes"], answer.json()["limits"]["max_pools"]) == (9, None)
    assert (await office.api.get("/workspaces/blue/usage", params={"by": "creator"})).status_code == 200


async def test_the_overview_counts(office: Office) -> None:
    await office.workspace("blue")
    key = await office.make_key("blue")
    revoked = await office.make_key("blue")
    await office.api.delete(f"/workspaces/blue/keys/{revoked['id']}")
    await fill(office.client(key["api_key"]))
    page = (await office.api.get("/overview", params={"q": "blue"})).json()
    assert (page["total"], page["deleting"]) == (1, 0)
    [blue] = page["workspaces"]
    assert blue["sandboxes"] == {"ready": 2}
    counts = ("warm_sandboxes", "templates", "volumes", "pools", "keys")
    assert [blue[what] for what in counts] == [2, 2, 1, 1, 1]


async def test_an_empty_workspace_is_deleted_at_once(office: Office) -> None:
    await office.workspace("blue")
    key = (await office.make_key("blue"))["api_key"]
    client = office.client(key)
    assert (await client.post("/templates", json={"name": "t", "image": "host"})).status_code == 201
    assert (await office.api.delete("/workspaces/blue")).status_code == 204
    assert (await client.get("/templates")).status_code == 401
    assert (await office.api.get("/workspaces/blue")).status_code == 404
    assert (await office.api.delete("/workspaces/blue")).status_code == 404
    await office.workspace("blue")


async def test_a_workspace_that_holds_something_is_not_deleted(office: Office) -> None:
    await office.workspace("blue")
    client = office.client((await office.make_key("blue"))["api_key"])
    await fill(client)
    answer = await office.api.delete("/workspaces/blue")
    assert (answer.status_code, answer.json()["detail"]["error"]) == (409, "InUse")
    assert "holds 2 sandboxes, 1 volume, 1 pool" in answer.json()["detail"]["message"]
    assert len((await client.get("/boxes")).json()["sandboxes"]) == 2


async def test_force_ends_everything(office: Office) -> None:
    made = await office.workspace("blue")
    client = office.client((await office.make_key("blue"))["api_key"])
    await fill(client)
    runtime = office.server.runtime
    assert (len(runtime.made), len(runtime.volumes)) == (4, 1)
    answer = await office.api.delete("/workspaces/blue", params={"force": True})
    assert answer.status_code in (202, 204), answer.text
    assert (await client.get("/boxes")).status_code == 401
    await office.workspace("blue")
    await until(lambda: gone(office, made["id"]))
    assert (runtime.made, runtime.volumes) == ({}, {})
    await leaves_nothing(office, made["id"])


async def test_what_a_crash_left_half_done_is_taken_up_again(office: Office) -> None:
    """The mark alone is in the database: as after a SIGKILL right after it was written."""
    made = await office.workspace("blue")
    await fill(office.client((await office.make_key("blue"))["api_key"]))
    core = office.server.core
    await workspace_ending.mark(core.database, actor="test", workspace_id=made["id"], force=True)
    assert len(office.server.runtime.made) == 4
    shown = (await office.api.get(f"/workspaces/{made['id']}")).json()
    assert shown["deleting_at"] is not None
    assert (await office.api.get("/overview")).json()["deleting"] == 1
    await reconcile(core)
    await until(lambda: gone(office, made["id"]))
    assert (office.server.runtime.made, office.server.runtime.volumes) == ({}, {})
    await leaves_nothing(office, made["id"])


async def test_while_the_runtime_is_away_the_end_waits(office: Office) -> None:
    made = await office.workspace("blue")
    await fill(office.client((await office.make_key("blue"))["api_key"]))
    runtime = office.server.runtime
    runtime.destroy_error = runtime.start_error = RuntimeUnavailableError("away", remedy="wait")
    answer = await office.api.delete("/workspaces/blue", params={"force": True})
    assert answer.status_code == 202, answer.text
    assert answer.json()["deleting_at"] is not None
    # Asked again, it is no error: somebody is impatient.
    assert (await office.api.delete(f"/workspaces/{made['id']}")).status_code == 202
    runtime.destroy_error = runtime.start_error = None
    core = office.server.core
    await until(lambda: available(office))
    await reconcile(core)
    await until(lambda: gone(office, made["id"]))
    await leaves_nothing(office, made["id"])


async def test_long_histories_go_in_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_ending, "BATCH", 3)
    made = await office.workspace("blue")
    await fill(office.client((await office.make_key("blue"))["api_key"]))
    await office.api.delete("/workspaces/blue", params={"force": True})
    await until(lambda: gone(office, made["id"]))
    await leaves_nothing(office, made["id"])


async def available(office: Office) -> bool:
    return office.server.core.runtime.problem is None


async def gone(office: Office, workspace_id: str) -> bool:
    return (await office.api.get(f"/workspaces/{workspace_id}")).status_code == 404


async def leaves_nothing(office: Office, workspace_id: str) -> None:
    async with office.server.core.database.read() as session:
        for table in (Sandbox, Volume, Template, ApiKey, Event, EndedSandbox, Allocation):
            query = select(func.count()).select_from(table).where(table.workspace_id == workspace_id)
            assert await session.scalar(query) == 0, table
        assert await session.scalar(select(Workspace.id).where(Workspace.id == workspace_id)) is None
