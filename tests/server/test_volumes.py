"""``/volumes``, on a runtime in memory; what the process runtime answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import or_, select, update

from sandboxcore.runtimes.base import RuntimeUnavailableError, VolumeError, VolumeFailure, VolumeInUseError
from sandboxcore.server.db.models import Volume
from sandboxcore.server.reconcile import reconcile
from sandboxcore.server.services import keys
from tests.server.conftest import unique
from tests.server.test_creating import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

GI = 1 << 30


async def make(server: Inside, name: str = "data", size: str = "1Gi") -> dict[str, Any]:
    answer = await server.client.post("/volumes", json={"name": name, "size": size})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def failure(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]["error"]


def idle(server: Inside, volume_id: str) -> Callable[[], bool]:
    return lambda: not server.core.volumes.is_working(volume_id)


async def unfinished(server: Inside) -> bool:
    """Whether any volume is not as it is wanted."""
    waits = or_(Volume.state.in_(("provisioning", "deleting")), Volume.wanted_size.is_not(None))
    return bool(await server.core.database.fetch_all(select(Volume.id).where(waits), {}))


async def settled(server: Inside) -> None:
    """Wait until every volume is as it is wanted."""
    async with asyncio.timeout(10):
        while await unfinished(server):
            await asyncio.sleep(0.01)


async def mounting(server: Inside, volume: str, name: str = "t") -> httpx.Response:
    mounts = [{"volume_name": volume, "mount_path": "/data"}]
    return await server.client.post("/templates", json={"name": name, "image": "host", "volume_mounts": mounts})


async def set_row(server: Inside, volume_id: str, **values: object) -> None:
    async with server.core.database.write() as session:
        await session.execute(update(Volume).where(Volume.id == volume_id).values(**values))


async def test_it_works(inside: Start) -> None:
    server = await inside()
    made = await make(server)
    assert {name: made[name] for name in ("name", "size", "storage_class", "status")} == {
        "name": "data",
        "size": "1Gi",
        "storage_class": "memory",
        "status": "ready",
    }
    assert server.runtime.volumes == {made["id"]: GI}
    for name in ("data", made["id"]):
        assert (await server.client.get(f"/volumes/{name}")).json()["id"] == made["id"]
    assert [each["name"] for each in (await server.client.get("/volumes")).json()["volumes"]] == ["data"]
    changed = await server.client.patch("/volumes/data", json={"name": "more", "size": "2Gi"})
    assert (changed.status_code, changed.json()["name"], changed.json()["size"]) == (200, "more", "2Gi")
    assert server.runtime.volumes == {made["id"]: 2 * GI}
    assert (await server.client.delete("/volumes/more")).status_code == 204
    assert server.runtime.volumes == {}
    assert (await server.client.get("/volumes")).json() == {"volumes": []}


async def test_a_sandbox_mounts_it(inside: Start) -> None:
    server = await inside()
    volume = await make(server)
    template = await mounting(server, "data")
    assert template.json()["volume_mounts"] == [{"volume_name": "data", "mount_path": "/data"}]
    box = (await server.client.post("/boxes", json={"template_name": "t"})).json()
    (mount,) = server.runtime.specs[box["id"]].mounts
    assert (mount.volume_id, mount.path) == (volume["id"], "/data")
    refused = await server.client.delete("/volumes/data")
    assert failure(refused) == (409, "InUse")
    assert "template 't'" in refused.json()["detail"]["message"]
    await server.client.patch("/volumes/data", json={"name": "renamed"})
    assert (await server.client.get("/templates/t")).json()["volume_mounts"][0]["volume_name"] == "renamed"
    await server.client.delete(f"/boxes/{box['id']}")
    await server.client.delete("/templates/t")
    assert (await server.client.delete("/volumes/renamed")).status_code == 204


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "No"}, "name"),
    ({"name": ""}, "name"),
    ({"name": 7}, "name"),
    ({"size": "lots"}, "size"),
    ({"size": "0"}, "size"),
    ({"size": "1Mi"}, "size"),
    ({"size": "1Ei"}, "size"),
    ({"size": -1}, "size"),
    ({"size": None}, "size"),
    ({"timeout": -1}, "timeout"),
    ({"timeout": "nan"}, "timeout"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
async def test_bad_values(inside: Start, change: dict[str, Any], field: str) -> None:
    server = await inside()
    answer = await server.client.post("/volumes", json={"name": "data", "size": "1Gi", **change})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]
    assert server.runtime.volumes == {}


async def test_unknown_names(inside: Start) -> None:
    server = await inside()
    assert failure(await server.client.get("/volumes/none")) == (404, "VolumeNotFound")
    assert failure(await server.client.patch("/volumes/none", json={"size": "2Gi"})) == (404, "VolumeNotFound")
    assert failure(await server.client.delete("/volumes/none")) == (404, "VolumeNotFound")


async def test_names_are_unique(inside: Start) -> None:
    server = await inside()
    await make(server)
    await make(server, "other")
    taken = await server.client.post("/volumes", json={"name": "data", "size": "1Gi"})
    assert failure(taken) == (409, "AlreadyExists")
    for change in ({"name": "data"}, {"name": "data", "size": "2Gi"}):
        assert failure(await server.client.patch("/volumes/other", json=change)) == (409, "AlreadyExists")
    assert (await server.client.patch("/volumes/other", json={"name": "No"})).status_code == 422
    assert sorted(server.runtime.volumes.values()) == [GI, GI]
    assert (await server.client.patch("/volumes/other", json={"name": "other"})).status_code == 200


async def test_another_workspace_sees_nothing(inside: Start) -> None:
    server = await inside()
    made = await make(server)
    key = await keys.create_key(server.core.database, workspace="other", name="k", actor="test")
    theirs = {"X-Api-Key": key.text}
    for name in ("data", made["id"]):
        assert (await server.client.get(f"/volumes/{name}", headers=theirs)).status_code == 404
        assert (await server.client.delete(f"/volumes/{name}", headers=theirs)).status_code == 404
    assert (await server.client.get("/volumes", headers=theirs)).json() == {"volumes": []}
    assert server.runtime.volumes == {made["id"]: GI}


async def test_it_never_shrinks(inside: Start) -> None:
    server = await inside()
    made = await make(server)
    refused = await server.client.patch("/volumes/data", json={"size": "512Mi", "name": "new"})
    assert failure(refused) == (400, "VolumeResize")
    same = await server.client.patch("/volumes/data", json={"size": "1024Mi"})
    assert (same.status_code, same.json()["size"], same.json()["name"]) == (200, "1Gi", "data")
    assert server.runtime.volumes == {made["id"]: GI}
    assert (await server.client.patch("/volumes/data", json={"size": "1Ei"})).status_code == 422


async def test_a_mounted_volume_does_not_grow(inside: Start) -> None:
    server = await inside()
    await make(server)
    server.runtime.volume_error = VolumeInUseError("the volume is mounted in a sandbox")
    refused = await server.client.patch("/volumes/data", json={"size": "2Gi", "name": "new"})
    assert failure(refused) == (400, "VolumeResize")
    assert "mounted" in refused.json()["detail"]["message"]
    server.runtime.volume_error = None
    assert (await server.client.get("/volumes/data")).json()["size"] == "1Gi"
    assert (await server.client.patch("/volumes/data", json={"size": "3Gi"})).json()["size"] == "3Gi"


async def test_two_calls_that_grow_it(inside: Start) -> None:
    server = await inside()
    made = await make(server)
    server.runtime.may_change_volumes.clear()
    first = asyncio.create_task(server.client.patch("/volumes/data", json={"size": "2Gi"}))
    await eventually(lambda: server.core.volumes.is_working(made["id"]))
    second = asyncio.create_task(server.client.patch("/volumes/data", json={"size": "2Gi"}))
    assert failure(await server.client.patch("/volumes/data", json={"size": "4Gi"})) == (400, "VolumeResize")
    server.runtime.may_change_volumes.set()
    assert [(await task).json()["size"] for task in (first, second)] == ["2Gi", "2Gi"]


KINDS: list[VolumeFailure] = ["Full", "Failed", "Conflict"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_made_leaves_nothing(inside: Start, kind: VolumeFailure) -> None:
    server = await inside()
    server.runtime.volume_error = VolumeError("no space left", kind=kind)
    refused = await server.client.post("/volumes", json={"name": "data", "size": "1Gi"})
    assert failure(refused) == (503, "VolumeProvisioning")
    assert refused.json()["detail"]["message"] == "no space left"
    assert (await server.client.get("/volumes")).json() == {"volumes": []}
    server.runtime.volume_error = None
    made = await make(server)
    await reconcile(server.core)
    await settled(server)
    assert list(server.runtime.volumes) == [made["id"]]


async def test_who_does_not_wait_learns_of_a_failure(inside: Start) -> None:
    server = await inside()
    server.runtime.volume_error = VolumeError("no space left", kind="Full")
    made = await server.client.post("/volumes", json={"name": "data", "size": "1Gi", "wait_for_ready": False})
    assert made.status_code == 201
    await eventually(idle(server, made.json()["id"]))
    shown = (await server.client.get("/volumes/data")).json()
    assert (shown["status"], shown["status_message"]) == ("failed", "no space left")
    unusable = await mounting(server, "data")
    assert unusable.json()["detail"][0]["loc"] == ["body", "volume_mounts", 0, "volume_name"]
    assert failure(await server.client.patch("/volumes/data", json={"size": "2Gi"})) == (400, "VolumeResize")
    server.runtime.volume_error = None
    assert (await server.client.delete("/volumes/data")).status_code == 204


async def test_not_ready_in_time_is_504_and_it_goes_on(inside: Start) -> None:
    server = await inside()
    server.runtime.may_change_volumes.clear()
    late = await server.client.post("/volumes", json={"name": "data", "size": "1Gi", "timeout": 0.05})
    assert failure(late) == (504, "Timeout")
    assert (await server.client.get("/volumes/data")).json()["status"] == "provisioning"
    assert (await mounting(server, "data")).status_code == 422
    server.runtime.may_change_volumes.set()
    await eventually(lambda: len(server.runtime.volumes) == 1)
    await eventually(idle(server, next(iter(server.runtime.volumes))))
    assert (await server.client.get("/volumes/data")).json()["status"] == "ready"


async def test_deleting_in_the_middle_of_making(inside: Start) -> None:
    server = await inside()
    server.runtime.may_change_volumes.clear()
    making = asyncio.create_task(server.client.post("/volumes", json={"name": "data", "size": "1Gi"}))
    async with asyncio.timeout(10):
        while not await unfinished(server):
            await asyncio.sleep(0.01)
    deleting = asyncio.create_task(server.client.delete("/volumes/data"))
    assert failure(await making) == (404, "VolumeNotFound")
    server.runtime.may_change_volumes.set()
    assert (await deleting).status_code == 204
    assert server.runtime.volumes == {}


async def test_a_runtime_without_volumes(inside: Start) -> None:
    server = await inside()
    server.runtime.has_volumes = False
    refused = await server.client.post("/volumes", json={"name": "data", "size": "1Gi"})
    assert failure(refused) == (503, "VolumeProvisioning")
    assert (await server.client.get("/volumes")).json() == {"volumes": []}


async def test_without_a_runtime(inside: Start) -> None:
    server = await inside()
    made = await make(server)
    server.core.runtime.report(RuntimeUnavailableError("the host is away", remedy="start it"))
    server.runtime.start_error = RuntimeUnavailableError("the host is away", remedy="start it")
    refused = await server.client.post("/volumes", json={"name": "new", "size": "1Gi"})
    assert failure(refused) == (503, "VolumeProvisioning")
    assert "start it" in refused.json()["detail"]["message"]
    assert (await server.client.delete("/volumes/data")).status_code == 204
    assert failure(await server.client.get("/volumes/data")) == (404, "VolumeNotFound")
    assert list(server.runtime.volumes) == [made["id"]]
    server.runtime.start_error = None
    await server.core.runtime.attempt()
    await reconcile(server.core)
    await settled(server)
    assert server.runtime.volumes == {}


async def test_the_next_server_finishes(inside: Start) -> None:
    server = await inside()
    half, grown, gone = [await make(server, name) for name in ("half", "grown", "gone")]
    del server.runtime.volumes[half["id"]]
    await set_row(server, half["id"], state="provisioning")
    await set_row(server, grown["id"], wanted_size="4Gi")
    await set_row(server, gone["id"], state="deleting", name=f"~{gone['id']}")
    await reconcile(server.core)
    await settled(server)
    assert server.runtime.volumes == {half["id"]: GI, grown["id"]: 4 * GI}
    shown = (await server.client.get("/volumes")).json()["volumes"]
    assert [(each["name"], each["status"], each["size"]) for each in shown] == [
        ("half", "ready", "1Gi"),
        ("grown", "ready", "4Gi"),
    ]


async def test_one_that_is_mounted_still_is_removed_later(inside: Start) -> None:
    server = await inside()
    made = await make(server)
    server.runtime.volume_error = VolumeInUseError("mounted")
    assert (await server.client.delete("/volumes/data")).status_code == 204
    assert list(server.runtime.volumes) == [made["id"]]
    server.runtime.volume_error = None
    again = await make(server)
    await reconcile(server.core)
    await eventually(lambda: list(server.runtime.volumes) == [again["id"]])


async def test_the_process_runtime_has_none(api: httpx.AsyncClient) -> None:
    assert not (await api.get("/capabilities")).json()["volumes"]
    refused = await api.post("/volumes", json={"name": unique("v"), "size": "1Gi"})
    assert failure(refused) == (503, "VolumeProvisioning")
    assert "process" in refused.json()["detail"]["message"]


async def test_a_key_needs_the_scope(inside: Start) -> None:
    server = await inside()
    key = await keys.create_key(
        server.core.database, workspace="default", name="reader", actor="test", scopes=("read",)
    )
    headers = {"X-Api-Key": key.text}
    assert (await server.client.get("/volumes", headers=headers)).status_code == 200
    refused = await server.client.post("/volumes", json={"name": "data", "size": "1Gi"}, headers=headers)
    assert refused.status_code == 403


async def test_who_does_not_wait_for_growth_sees_it_go_on(inside: Start) -> None:
    server = await inside()
    await server.client.post("/volumes", json={"name": "v", "size": "16Mi"})
    assert (await server.client.get("/volumes/v")).json()["wanted_size"] is None
    server.runtime.may_change_volumes.clear()
    begun = await server.client.patch("/volumes/v", json={"size": "32Mi", "wait_for_ready": False})
    assert begun.status_code == 200, begun.text
    assert (begun.json()["size"], begun.json()["wanted_size"], begun.json()["status"]) == ("16Mi", "32Mi", "ready")
    server.runtime.may_change_volumes.set()
    async with asyncio.timeout(10):
        while (await server.client.get("/volumes/v")).json()["wanted_size"] is not None:
            await asyncio.sleep(0.01)
    assert (await server.client.get("/volumes/v")).json()["size"] == "32Mi"


async def test_who_does_not_wait_for_growth_is_told_what_is_refused(inside: Start) -> None:
    server = await inside()
    await server.client.post("/volumes", json={"name": "v", "size": "16Mi"})
    server.runtime.volume_error = VolumeInUseError("it is mounted")
    refused = await server.client.patch("/volumes/v", json={"size": "32Mi", "wait_for_ready": False})
    assert refused.status_code == 400, refused.text
    server.runtime.volume_error = None
    assert (await server.client.get("/volumes/v")).json()["wanted_size"] is None
