"""``/v2/admin/reconciliation``: what it shows, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sandboxcore.runtimes.base import RuntimeUnavailableError
from sandboxcore.server.db.models import Allocation, EndedSandbox, Sandbox, Volume
from sandboxcore.server.names import new_id
from sandboxcore.server.reconcile import reconcile

if TYPE_CHECKING:
    import httpx

    from tests.server.admin.conftest import Office

PATH = "/reconciliation"


async def prepared(office: Office) -> httpx.AsyncClient:
    """A client of the workspace ``blue``, which has a template, a volume and the sandbox ``b``."""
    await reconcile(office.server.core)
    await office.workspace("blue")
    client = office.client((await office.make_key("blue"))["api_key"])
    for path, body in (
        ("templates", {"name": "t", "image": "host"}),
        ("volumes", {"name": "v", "size": "16Mi"}),
        ("boxes", {"template_name": "t", "name": "b"}),
    ):
        answer = await client.post(f"/{path}", json=body)
        assert answer.status_code == 201, answer.text
    return client


async def told(answer: httpx.Response) -> list[tuple[str, str, str | None]]:
    """Kind, action and outcome of each difference."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["runtime"] == "fake"
    assert body["total"] == len(body["differences"])
    assert all(difference["reason"] for difference in body["differences"])
    return [(found["kind"], found["action"], found["outcome"]) for found in body["differences"]]


async def one(office: Office) -> dict[str, Any]:
    """The only difference there is."""
    found: list[dict[str, Any]] = (await office.api.get(PATH)).json()["differences"]
    assert len(found) == 1
    return found[0]


async def execute(office: Office, statement: Any) -> None:
    async with office.server.core.database.write() as session:
        await session.execute(statement)


async def test_what_agrees_shows_nothing(office: Office) -> None:
    await prepared(office)
    for _ in range(2):
        assert await told(await office.api.get(PATH)) == []
        assert await told(await office.api.post(PATH)) == []


async def test_a_dry_run_does_nothing_and_a_run_does_it(office: Office) -> None:
    client = await prepared(office)
    runtime, orphan = office.server.runtime, new_id()
    [sandbox_id] = runtime.made
    runtime.made.clear()
    runtime.add(orphan)
    wanted = [("sandbox", "fail", None), ("sandbox", "destroy", None)]
    for _ in range(2):
        assert sorted(await told(await office.api.get(PATH))) == sorted(wanted)
    assert (list(runtime.made), runtime.destroyed) == ([orphan], [])
    shown = {found["action"]: found for found in (await office.api.get(PATH)).json()["differences"]}
    lost, found = shown["fail"], shown["destroy"]
    assert (lost["id"], lost["workspace"], lost["name"]) == (sandbox_id, "blue", "b")
    assert (found["id"], found["workspace"], found["name"]) == (orphan, None, None)
    assert lost["since"].startswith("20")
    assert found["since"].startswith("20")

    done = await told(await office.api.post(PATH))
    assert sorted(done) == [("sandbox", "destroy", "done"), ("sandbox", "fail", "done")]
    assert (await client.get("/boxes/b")).json()["stop_reason"] == "died"
    assert (runtime.made, runtime.destroyed) == ({}, [orphan])
    assert await told(await office.api.get(PATH)) == []


async def test_a_volume_that_no_row_knows_goes_only_when_told(office: Office) -> None:
    await prepared(office)
    runtime, orphan = office.server.runtime, new_id()
    runtime.volumes[orphan] = 123
    found = await one(office)
    assert (found["kind"], found["id"], found["action"]) == ("volume", orphan, "leave")
    assert "123 bytes" in found["reason"]
    await reconcile(office.server.core)
    assert await told(await office.api.post(PATH)) == [("volume", "leave", "left_alone")]
    assert runtime.volumes[orphan] == 123
    answer = await office.api.post(PATH, params={"remove_volumes": "true"})
    assert await told(answer) == [("volume", "remove", "done")]
    assert len(runtime.volumes) == 1


async def test_a_volume_that_is_lost_or_has_another_size_is_told(office: Office) -> None:
    client = await prepared(office)
    [volume_id] = office.server.runtime.volumes
    office.server.runtime.volumes[volume_id] = 1 << 30
    assert "has 1073741824" in (await one(office))["reason"]
    office.server.runtime.volumes.clear()
    assert "no longer has it" in (await one(office))["reason"]
    assert await told(await office.api.post(PATH)) == [("volume", "leave", "left_alone")]
    assert (await client.get("/volumes/v")).json()["status"] == "ready"


async def test_half_done_volumes_are_finished(office: Office) -> None:
    await prepared(office)
    await execute(office, update(Volume).values(wanted_size="1Gi"))
    assert (await one(office))["action"] == "grow"
    assert await told(await office.api.post(PATH)) == [("volume", "grow", "done")]
    assert list(office.server.runtime.volumes.values()) == [1 << 30]
    assert await told(await office.api.get(PATH)) == []


async def test_what_is_counted_is_what_there_is(office: Office) -> None:
    await prepared(office)
    await execute(office, delete(Allocation))
    gone = new_id()
    entry = {"id": new_id(), "workspace_id": (await office.api.get("/workspaces/blue")).json()["id"]}
    values = {"subject_kind": "sandbox", "template_name": "t", "creator": "c", "cpu_millis": 1, "memory_bytes": 1}
    await execute(
        office,
        insert(Allocation).values(**entry, **values, subject_id=gone, storage_bytes=1, started_at=1.0),
    )
    assert sorted(await told(await office.api.get(PATH))) == [
        ("usage", "close", None),
        ("usage", "open", None),
        ("usage", "open", None),
    ]
    assert {outcome for _, _, outcome in await told(await office.api.post(PATH))} == {"done"}
    query = select(Allocation.subject_id, Allocation.subject_kind, Allocation.creator, Allocation.ended_at)
    rows = await office.server.core.database.fetch_all(query, {})
    assert {row.subject_kind for row in rows if row.ended_at is None} == {"sandbox", "volume"}
    assert [row.subject_id for row in rows if row.ended_at is not None] == [gone]
    assert await told(await office.api.get(PATH)) == []


async def test_who_is_on_the_way_out_is_in_the_history(office: Office) -> None:
    client = await prepared(office)
    gone = {"state": "deleting", "template_id": None, "stop_reason": "idle"}
    await execute(office, update(Sandbox).values(**gone))
    assert await told(await office.api.get(PATH)) == [("history", "record", None), ("sandbox", "remove", None)]
    done = await told(await office.api.post(PATH))
    assert done == [("history", "record", "done"), ("sandbox", "remove", "done")]
    ended = select(EndedSandbox.name, EndedSandbox.template_name, EndedSandbox.stop_reason)
    assert list(map(tuple, await office.server.core.database.fetch_all(ended, {}))) == [("b", "t", "idle")]
    assert (await client.get("/boxes/b")).status_code == 404


async def test_what_cannot_be_mended_is_told_and_tried_again(office: Office) -> None:
    await prepared(office)
    runtime = office.server.runtime
    runtime.add(new_id())
    runtime.destroy_error = OSError("busy")
    answer = await office.api.post(PATH)
    assert await told(answer) == [("sandbox", "destroy", "failed")]
    assert "log" in answer.json()["differences"][0]["message"]
    runtime.destroy_error = None
    assert await told(await office.api.post(PATH)) == [("sandbox", "destroy", "done")]


async def test_without_a_runtime_nothing_can_be_compared(office: Office) -> None:
    office.server.runtime.start_error = RuntimeUnavailableError("away", remedy="wait for it")
    office.server.core.runtime.report(office.server.runtime.start_error)
    for method in ("GET", "POST"):
        answer = await office.api.request(method, PATH)
        assert answer.status_code == 503
        assert "wait for it" in answer.json()["detail"]["message"]


async def test_it_is_for_operators(office: Office) -> None:
    client = await prepared(office)
    key = client.headers["X-Api-Key"]
    for method in ("GET", "POST"):
        assert (await office.api.request(method, PATH, headers={"X-Api-Key": key})).status_code == 401
