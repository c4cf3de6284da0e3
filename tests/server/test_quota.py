"""Limits of a workspace: what is taken with what comes to be, and given back with what goes."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import select

from sandboxcore.protocol.failures import quota_type
from sandboxcore.runtimes.base import StartFailedError, VolumeError
from sandboxcore.server.api import creating
from sandboxcore.server.db.models import Workspace
from sandboxcore.server.errors import InvalidError
from sandboxcore.server.services import quota
from sandboxcore.server.services.quota import Amount
from tests.server.conftest import unique
from tests.server.fakes import FakeRuntime
from tests.server.running import POSTGRES_URL, Sandboxd
from tests.server.test_creating import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

KINDS = ("sandbox count", "cpu", "memory", "volume count", "storage", "pool count")
TEMPLATE = {"name": "t", "image": "host", "resources": {"cpu": "250m", "memory": "64Mi", "storage": "1Gi"}}
BOX = {"template_name": "t"}


class Limited:
    """A server in this process with one template, and its workspace's limits."""

    def __init__(self, server: Inside, workspace_id: str) -> None:
        self.server = server
        self.runtime = server.runtime
        self.client = server.client
        self.workspace_id = workspace_id

    async def limit(self, **limits: int | None) -> None:
        await quota.set_limits(self.server.core.database, actor="test", workspace_id=self.workspace_id, changes=limits)

    async def held(self) -> Amount:
        return await quota.held(self.server.core.database, self.workspace_id)

    async def create(self, **body: Any) -> httpx.Response:
        return await self.client.post("/boxes", json={**BOX, **body})

    async def volume(self, name: str, size: str = "1Gi") -> httpx.Response:
        return await self.client.post("/volumes", json={"name": name, "size": size})


@pytest.fixture
def limited(inside: Start) -> Callable[..., Awaitable[Limited]]:
    """Starts servers that share one database and one runtime."""
    runtime = FakeRuntime()

    async def start(**limits: int) -> Limited:
        server = await inside(runtime)
        await server.client.post("/templates", json=TEMPLATE)  # the second server finds it there
        one = Limited(server, await only_workspace(server))
        await one.limit(**limits)
        return one

    return start


async def only_workspace(server: Inside) -> str:
    async with server.core.database.read() as session:
        return (await session.execute(select(Workspace.id))).scalar_one()


def refusal(answer: httpx.Response, kind: str) -> str:
    """The message of a refusal for this reason, which must name no other."""
    assert answer.status_code == 429, answer.text
    assert answer.headers["retry-after"] == "0"
    detail = answer.json()["detail"]
    assert detail["error"] == "QuotaExceeded"
    message: str = detail["message"]
    assert [each for each in KINDS if each in message] == [kind]
    assert quota_type(message) == (None if kind == "pool count" else kind.replace(" ", "_"))
    assert "Delete" in message
    return message


async def test_it_works(limited: Callable[..., Awaitable[Limited]]) -> None:
    one = await limited(max_sandboxes=2)
    first, second = await one.create(), await one.create()
    assert (first.status_code, second.status_code) == (201, 201)
    message = refusal(await one.create(), "sandbox count")
    assert "may hold 2, holds 2 and was asked for 1 more" in message
    told = (await one.client.get("/limits")).json()
    assert told["sandboxes"] == {"limit": 2, "held": 2}
    assert told["cpu_millis"] == {"limit": None, "held": 500}
    assert told["storage_bytes"] == {"limit": None, "held": 2 << 30}
    assert (await one.client.delete(f"/boxes/{first.json()['id']}")).status_code == 204
    assert (await one.create()).status_code == 201


SANDBOX_LIMITS = [
    ("max_sandboxes", 10, "sandbox count", "holds 10 "),
    ("max_cpu_millis", 2500 + 249, "cpu", "may hold 2.749 cores, holds 2.5 and was asked for 0.25 more"),
    ("max_memory_bytes", 640 << 20, "memory", "may hold 640Mi, holds 640Mi and was asked for 64Mi more"),
    ("max_storage_bytes", 10 << 30, "storage", "may hold 10Gi, holds 10Gi and was asked for 1Gi more"),
]


@pytest.mark.parametrize(("limit", "value", "kind", "words"), SANDBOX_LIMITS)
async def test_parallel_creates_end_with_exactly_as_many_as_fit(
    limited: Callable[..., Awaitable[Limited]], limit: str, value: int, kind: str, words: str
) -> None:
    one, other = await limited(**{limit: value}), await limited()
    answers = await asyncio.gather(*((one, other)[i % 2].create() for i in range(40)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert len(made) == 10
    refused = {refusal(answer, kind) for answer in answers if answer.status_code != 201}
    assert len(refused) == 1
    assert words in refused.pop()
    assert await one.held() == Amount(10, 2500, 640 << 20, 10 << 30)
    await asyncio.gather(*(one.client.delete(f"/boxes/{answer.json()['id']}") for answer in made))
    assert await one.held() == Amount()


async def test_parallel_volumes_end_with_exactly_as_many_as_fit(
    limited: Callable[..., Awaitable[Limited]],
) -> None:
    one, other = await limited(max_volumes=5, max_storage_bytes=7 << 30), await limited()
    answers = await asyncio.gather(*((one, other)[i % 2].volume(f"v{i}") for i in range(20)))
    assert [answer.status_code for answer in answers].count(201) == 5
    assert {refusal(answer, "volume count") for answer in answers if answer.status_code != 201}
    assert (await one.held()).storage_bytes == 5 << 30
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]

    grown = await asyncio.gather(*(one.client.patch(f"/volumes/{name}", json={"size": "2Gi"}) for name in made))
    assert [answer.status_code for answer in grown].count(200) == 2
    assert {refusal(answer, "storage") for answer in grown if answer.status_code != 200}
    assert (await one.held()).storage_bytes == 7 << 30
    refusal(await one.create(), "storage")
    for name in made:
        assert (await one.client.delete(f"/volumes/{name}")).status_code == 204
    assert await one.held() == Amount()
    assert (await one.create()).status_code == 201


async def test_a_growth_that_fails_gives_back_what_it_took(limited: Callable[..., Awaitable[Limited]]) -> None:
    one = await limited(max_storage_bytes=4 << 30)
    await one.volume("v")
    one.runtime.volume_error = VolumeError("the disk is full", kind="Full")
    answer = await one.client.patch("/volumes/v", json={"size": "4Gi"})
    assert answer.status_code == 503
    assert (await one.held()).storage_bytes == 1 << 30


async def test_a_volume_that_fails_is_still_one_and_holds_no_storage(
    limited: Callable[..., Awaitable[Limited]],
) -> None:
    one = await limited(max_volumes=1, max_storage_bytes=1 << 30)
    one.runtime.volume_error = VolumeError("the disk is full", kind="Full")
    await one.client.post("/volumes", json={"name": "v", "size": "1Gi", "wait_for_ready": False})
    await eventually(lambda: not one.server.core.volumes._work)
    assert await one.held() == Amount(volumes=1)
    one.runtime.volume_error = None
    refusal(await one.volume("w"), "volume count")
    assert (await one.client.delete("/volumes/v")).status_code == 204
    assert (await one.volume("w")).status_code == 201


async def test_a_sandbox_that_fails_is_still_one_and_holds_nothing_else(
    limited: Callable[..., Awaitable[Limited]],
) -> None:
    one = await limited(max_sandboxes=1)
    one.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    await one.create(name="b", wait_for_ready=False)
    await eventually(lambda: not one.server.core.starter.under_way)
    assert await one.held() == Amount(sandboxes=1)
    assert "holds 1 (1 failed)" in refusal(await one.create(), "sandbox count")
    assert (await one.client.delete("/boxes/b")).status_code == 204
    assert await one.held() == Amount()


async def test_what_does_not_start_gives_everything_back(limited: Callable[..., Awaitable[Limited]]) -> None:
    one = await limited(max_sandboxes=3)
    one.runtime.create_error = StartFailedError("no such image", kind="ImagePull")
    assert {answer.status_code for answer in await asyncio.gather(*(one.create() for _ in range(3)))} == {422}
    assert await one.held() == Amount()
    one.runtime.create_error = None
    one.runtime.may_create.clear()
    assert (await one.create(timeout=0.02)).status_code == 408
    assert await one.held() == Amount()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(one.create(), 0.05)
    one.runtime.may_create.set()
    assert (await one.held()).sandboxes <= 1
    for answer in (await one.client.get("/boxes")).json()["sandboxes"]:
        await one.client.delete(f"/boxes/{answer['id']}")
    assert await one.held() == Amount()


async def test_a_name_that_is_taken_is_told_before_a_full_quota(limited: Callable[..., Awaitable[Limited]]) -> None:
    """Who repeats a creation whose answer was lost must learn that it is there."""
    one = await limited(max_sandboxes=1, max_volumes=1, max_pools=1)
    await one.create(name="b")
    await one.volume("v")
    assert (await one.create(name="b")).status_code == 409
    assert (await one.create(name="c")).status_code == 429
    assert (await one.volume("v")).status_code == 409
    await one.client.delete("/boxes/b")
    pool = {"name": "p", "template_name": "t", "replicas": 1}
    assert (await one.client.post("/pools", json=pool)).status_code == 201
    assert (await one.client.post("/pools", json=pool)).status_code == 409


async def test_the_same_idempotency_key_takes_once(limited: Callable[..., Awaitable[Limited]]) -> None:
    one = await limited(max_sandboxes=1)
    key = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(one.client.post("/boxes", json=BOX, headers=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_pools_hold_what_they_keep_warm(
    limited: Callable[..., Awaitable[Limited]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "listens", lambda _socket: True)  # nothing does, in memory
    one = await limited(max_sandboxes=3, max_pools=1)
    pool = {"name": "p", "template_name": "t", "replicas": 4, "wait_for_ready": True}
    assert "was asked for 4 more" in refusal(await one.client.post("/pools", json=pool), "sandbox count")
    assert (await one.client.post("/pools", json={**pool, "replicas": 2})).status_code == 201
    assert await one.held() == Amount(2, 500, 128 << 20, 2 << 30, pools=1)
    refusal(await one.client.post("/pools", json={**pool, "name": "q", "replicas": 1}), "pool count")

    scaled = await one.client.patch("/pools/p", json={"replicas": 4})
    assert "asked for 2 more" in refusal(scaled, "sandbox count")
    assert (await one.client.get("/pools/p")).json()["replicas"] == 2
    assert (await one.client.patch("/pools/p", json={"name": "renamed"})).status_code == 200

    await one.limit(max_sandboxes=2)
    assert (await one.create()).status_code == 201, "a warm one is in the quota already"

    async with asyncio.timeout(20):
        while not (found := (await one.client.get("/pools/renamed")).json())["status_message"]:
            await asyncio.sleep(0.02)
    assert "sandbox count" in found["status_message"]
    assert (await one.held()).sandboxes == 2
    assert "1 kept warm by pools" in refusal(await drained(one), "sandbox count")
    await one.limit(max_sandboxes=None)
    async with asyncio.timeout(20):
        while (await one.client.get("/pools/renamed")).json()["ready_replicas"] != 2:
            one.server.core.pools.kick()
            await asyncio.sleep(0.02)


async def drained(one: Limited) -> httpx.Response:
    """The answer to a creation that no warm sandbox can serve."""
    await one.client.post("/templates", json={**TEMPLATE, "name": "u"})
    return await one.create(template_name="u")


async def test_less_than_is_held_ends_nothing_and_leaves_no_room(
    limited: Callable[..., Awaitable[Limited]],
) -> None:
    one = await limited()
    made = [(await one.create()).json()["id"] for _ in range(3)]
    await one.limit(max_sandboxes=1, max_cpu_millis=0)
    assert (await one.held()).sandboxes == 3
    assert (await one.volume("v")).status_code == 201
    for sandbox_id in made:
        refusal(await one.create(), "sandbox count")
        await one.client.delete(f"/boxes/{sandbox_id}")
    refusal(await one.create(), "cpu")
    await one.limit(max_cpu_millis=None)
    assert (await one.create()).status_code == 201


async def test_workspaces_have_limits_of_their_own(limited: Callable[..., Awaitable[Limited]]) -> None:
    one = await limited(max_sandboxes=0)
    database = one.server.core.database
    async with database.write() as session:
        session.add(Workspace(id="other", name="other", created_at=0))
    await quota.set_limits(database, actor="test", workspace_id="other", changes={"max_sandboxes": 5})
    assert (await quota.limits_of(database, one.workspace_id)).max_sandboxes == 0
    refusal(await one.create(), "sandbox count")


BAD_LIMITS: list[dict[str, Any]] = [
    {"max_sandboxes": -1},
    {"max_sandboxes": 2**31},
    {"max_memory_bytes": 2**63},
    {"max_ttl_seconds": 0},
    {"max_ttl_seconds": 61},
    {"default_ttl_seconds": 90},
    {"max_elephants": 1},
    {"max_ttl_seconds": 60, "default_ttl_seconds": 120},
]


@pytest.mark.parametrize("changes", BAD_LIMITS)
async def test_bad_limits_change_nothing(inside: Start, changes: dict[str, Any]) -> None:
    server = await inside()
    workspace_id = await only_workspace(server)
    before = await quota.limits_of(server.core.database, workspace_id)
    with pytest.raises(InvalidError):
        await quota.set_limits(server.core.database, actor="test", workspace_id=workspace_id, changes=changes)
    assert await quota.limits_of(server.core.database, workspace_id) == before


def test_amounts_multiply() -> None:
    assert asdict(Amount(1, 2, 3, 4, 5, 6).times(3)) == asdict(Amount(3, 6, 9, 12, 15, 18))


class Shared:
    """Real servers on one database, and a workspace of its own."""

    def __init__(self, servers: list[Sandboxd], key: str, workspace: str) -> None:
        self.servers = servers
        self.workspace = workspace
        self._headers = {"X-Api-Key": key}

    def client(self, index: int) -> httpx.AsyncClient:
        server = self.servers[index % len(self.servers)]
        return httpx.AsyncClient(base_url=f"{server.origin}/v2/sandboxes", headers=self._headers, timeout=60)

    async def boxes(self) -> list[dict[str, Any]]:
        async with self.client(0) as client:
            found: list[dict[str, Any]] = (await client.get("/boxes")).json()["sandboxes"]
            return found

    async def held(self) -> int:
        async with self.client(0) as client:
            return int((await client.get("/limits")).json()["sandboxes"]["held"])


async def shared_workspace(servers: list[Sandboxd], **limits: int) -> Shared:
    name = unique("w")
    admin = {"X-Api-Key": servers[0].admin_key}
    async with httpx.AsyncClient(base_url=f"{servers[0].origin}/v2/admin", headers=admin, timeout=30) as client:
        made = await client.post("/workspaces", json={"name": name, "limits": limits})
        assert made.status_code == 201, made.text
        key = await client.post(f"/workspaces/{name}/keys", json={"name": "test"})
        assert key.status_code == 201, key.text
    shared = Shared(servers, key.json()["api_key"], name)
    async with shared.client(0) as api:
        assert (await api.post("/templates", json=TEMPLATE)).status_code == 201
    return shared


async def assert_a_hundred_end_with_ten(shared: Shared) -> None:
    clients = [shared.client(index) for index in range(2)]
    try:
        answers = await asyncio.gather(*(clients[i % 2].post("/boxes", json=BOX) for i in range(100)))
        assert [answer.status_code for answer in answers].count(201) == 10
        for answer in answers:
            if answer.status_code != 201:
                refusal(answer, "sandbox count")
        assert len(await shared.boxes()) == 10
        assert await shared.held() == 10
        ended = await asyncio.gather(
            *(clients[i % 2].delete(f"/boxes/{box['id']}") for i, box in enumerate(await shared.boxes()))
        )
        assert {answer.status_code for answer in ended} == {204}
        assert await shared.held() == 0
    finally:
        for client in clients:
            await client.aclose()


async def test_a_hundred_parallel_creates_in_a_real_server(sandboxd: Sandboxd) -> None:
    await assert_a_hundred_end_with_ten(await shared_workspace([sandboxd], max_sandboxes=10))


@pytest.mark.skipif(not POSTGRES_URL, reason="two servers share a PostgreSQL; SANDBOXD_TEST_POSTGRES_URL names none")
async def test_a_hundred_parallel_creates_in_two_servers(own_sandboxd: Callable[..., Sandboxd]) -> None:
    first = own_sandboxd(postgres=True)
    second = first.beside()
    try:
        await assert_a_hundred_end_with_ten(await shared_workspace([first, second], max_sandboxes=10))
    finally:
        second.stop()


async def test_a_killed_server_leaves_nothing_held(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(postgres=bool(POSTGRES_URL))
    shared = await shared_workspace([server], max_sandboxes=4)
    async with shared.client(0) as client:
        calls = [asyncio.create_task(client.post("/boxes", json=BOX)) for _ in range(8)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        server.stop(signal.SIGKILL)
        await asyncio.gather(*calls, return_exceptions=True)
    server.start()
    async with asyncio.timeout(60):
        while await shared.held() != len(await shared.boxes()) or any(
            box["status"] == "provisioning" for box in await shared.boxes()
        ):
            await asyncio.sleep(0.05)
    assert await shared.held() <= 4
    async with shared.client(0) as client:
        for box in await shared.boxes():
            assert (await client.delete(f"/boxes/{box['id']}")).status_code == 204
    assert await shared.held() == 0
