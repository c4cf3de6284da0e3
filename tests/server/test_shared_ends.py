"""Two servers on one PostgreSQL: ends, volumes, and what one of them does not know of the other."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, select, update

from sandboxcore.runtimes.base import VolumeInUseError
from sandboxcore.server.db.models import Event, Sandbox, Volume
from sandboxcore.server.reaper import reap
from sandboxcore.server.reconcile import reconcile
from tests.server.fakes import FakeRuntime
from tests.server.running import POSTGRES_URL, drop_postgres_database, new_postgres_database
from tests.server.test_creating import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]
    Servers = tuple[Inside, Inside]

pytestmark = pytest.mark.skipif(
    not POSTGRES_URL, reason="two servers share a PostgreSQL; SANDBOXD_TEST_POSTGRES_URL names none"
)


@pytest.fixture
def database_url() -> Iterator[str]:
    """One that two servers may share."""
    address = new_postgres_database()
    yield address
    drop_postgres_database(address)


@pytest.fixture
async def pair(inside: Start) -> Servers:
    """Two servers on one runtime, with the template ``t``, that look at nothing by themselves."""
    runtime = FakeRuntime()
    one, two = [await inside(runtime) for _ in range(2)]
    for server in (one, two):
        await reconcile(server.core)
    assert (await one.client.post("/templates", json={"name": "t", "image": "host"})).status_code == 201
    return one, two


async def types(server: Inside, prefix: str) -> list[str]:
    """What is told of things of a kind, in order."""
    query = select(Event.type).where(Event.type.startswith(prefix)).order_by(Event.number)
    return [row.type for row in await server.core.database.fetch_all(query, {})]


async def set_rows(server: Inside, table: type[Sandbox | Volume], **values: object) -> None:
    async with server.core.database.write() as session:
        await session.execute(update(table).values(**values))


async def idle_box(server: Inside, ago: float) -> str:
    """A sandbox that was last used so many seconds ago, of which it may be idle 60."""
    made = await server.client.post("/boxes", json={"template_name": "t", "name": "b", "idle_ttl_seconds": 60})
    assert made.status_code == 201, made.text
    last = time.time() - ago
    await set_rows(server, Sandbox, last_activity_at=last, expires_at=last + 60)
    return str(made.json()["id"])


async def test_a_use_that_only_the_other_server_saw_counts(pair: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = pair
    grace = 2 * two.core.settings.reap_interval + 1
    sandbox_id = await idle_box(one, ago=61)
    one.core.activity.touch(sandbox_id)
    await reap(two.core)
    assert (await two.client.get("/boxes/b")).status_code == 200
    await reap(one.core)
    monkeypatch.setattr("sandboxcore.server.reaper.now", lambda: time.time() + grace)
    await reap(two.core)
    assert (await two.client.get("/boxes/b")).status_code == 200


async def test_what_expired_ends_once(pair: Servers) -> None:
    one, two = pair
    await idle_box(one, ago=63 + 2 * one.core.settings.reap_interval)
    await asyncio.gather(*(reap(server.core) for server in pair for _ in range(3)))
    await eventually(lambda: not one.runtime.made)
    async with asyncio.timeout(10):
        while "sandbox.deleted" not in (told := await types(two, "sandbox.")):
            await asyncio.sleep(0.01)
    assert told == ["sandbox.created", "sandbox.ready", "sandbox.deleting", "sandbox.deleted"]


async def test_a_growth_that_both_work_on_is_settled_once(pair: Servers) -> None:
    one, two = pair
    await one.client.post("/volumes", json={"name": "v", "size": "16Mi"})
    one.runtime.may_change_volumes.clear()
    growing = asyncio.create_task(one.client.patch("/volumes/v", json={"size": "32Mi"}))
    async with asyncio.timeout(10):
        while not two.core.volumes.busy:
            await reconcile(two.core)
    one.runtime.may_change_volumes.set()
    assert (await growing).json()["size"] == "32Mi"
    await eventually(lambda: not two.core.volumes.busy)
    assert (await types(one, "volume."))[-2:] == ["volume.growing", "volume.grown"]


async def test_who_comes_late_settles_nothing_of_a_later_growth(pair: Servers) -> None:
    one, two = pair
    await one.client.post("/volumes", json={"name": "v", "size": "16Mi"})
    await set_rows(one, Volume, wanted_size="32Mi")
    one.runtime.may_change_volumes.clear()
    await reconcile(two.core)
    await set_rows(one, Volume, size="32Mi", wanted_size="64Mi")
    one.runtime.volume_error = VolumeInUseError("it is mounted")
    one.runtime.may_change_volumes.set()
    await eventually(lambda: not two.core.volumes.busy)
    row = await one.core.database.fetch_one(select(Volume.size, Volume.wanted_size), {})
    assert tuple(row or ()) == ("32Mi", "64Mi")


async def test_a_volume_made_after_its_deletion_is_removed_again(pair: Servers) -> None:
    one, two = pair
    one.runtime.may_change_volumes.clear()
    await one.client.post("/volumes", json={"name": "v", "size": "16Mi", "wait_for_ready": False})
    [volume_id] = one.core.volumes.busy
    await reconcile(two.core)
    assert two.core.volumes.busy == {volume_id}
    async with one.core.database.write() as session:
        await session.execute(delete(Volume))
    one.runtime.may_change_volumes.set()
    await eventually(lambda: not one.core.volumes.busy and not two.core.volumes.busy)
    assert one.runtime.volumes == {}


async def test_a_refused_growth_names_who_is_in_the_way(pair: Servers) -> None:
    one, two = pair
    await one.client.post("/volumes", json={"name": "v", "size": "16Mi"})
    mounts = [{"volume_name": "v", "mount_path": "/data"}]
    await one.client.post("/templates", json={"name": "m", "image": "host", "volume_mounts": mounts})
    for name in "abcd":
        await one.client.post("/boxes", json={"template_name": "m", "name": name})
    one.runtime.volume_error = VolumeInUseError("it is mounted")
    refused = await two.client.patch("/volumes/v", json={"size": "32Mi"})
    assert refused.status_code == 400
    message = refused.json()["detail"]["message"]
    assert "mounted in sandbox 'a', sandbox 'b', sandbox 'c' and others" in message
    shown = (await one.client.get("/volumes/v")).json()
    assert shown["size"] == "16Mi"
