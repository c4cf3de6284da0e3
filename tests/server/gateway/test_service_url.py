"""``POST /boxes/{name}/service-url``."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from sandboxcore.server.db.models import Base, ServiceToken
from sandboxcore.server.services import service_tokens
from tests.server.conftest import unique

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from sandboxcore.server.db.engine import Database
    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd

ASK = {"port": 3000, "expires_in_seconds": 60}


async def test_it_works(api: httpx.AsyncClient, box: dict[str, Any], sandboxd: Sandboxd) -> None:
    by_name = await api.post(f"/boxes/{box['name']}/service-url", json=ASK)
    by_id = await api.post(f"/boxes/{box['id']}/service-url", json={"port": 3000})
    found = by_name.json()
    assert by_name.status_code == by_id.status_code == 200
    assert set(found) == {"browser_url", "service_url", "token", "expires_at"}
    label = f"3000-{box['id'].replace('-', '')}"
    port = sandboxd.service_port
    assert found["browser_url"] == f"http://{label}.localhost:{port}/?__sandbox_token={found['token']}"
    assert found["service_url"] == f"http://127.0.0.1:{port}/{label}/"
    left = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
    assert 50 < left.total_seconds() <= 60
    assert by_id.json()["token"] != found["token"]


async def test_the_address_for_programs_has_the_host_that_reached_the_api(
    api: httpx.AsyncClient, box: dict[str, Any], sandboxd: Sandboxd
) -> None:
    for host, name in (("box.example:8001", "box.example"), ("[::1]:8001", "[::1]"), ("<evil>", "127.0.0.1")):
        answer = await api.post(f"/boxes/{box['name']}/service-url", json=ASK, headers={"Host": host})
        assert answer.json()["service_url"].startswith(f"http://{name}:{sandboxd.service_port}/3000-")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("port", "3000"),
        ("port", True),
        ("port", None),
        ("expires_in_seconds", 0),
        ("expires_in_seconds", 86401),
        ("expires_in_seconds", 1.5),
    ],
)
async def test_wrong_values_name_the_field(
    api: httpx.AsyncClient, box: dict[str, Any], field: str, value: object
) -> None:
    answer = await api.post(f"/boxes/{box['name']}/service-url", json={**ASK, field: value})
    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [["body", field]]


async def test_it_needs_the_scope_run(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient], box: dict[str, Any]
) -> None:
    key = sandboxd.cli("keys", "create", "--name", unique("key"), "--scopes", "read", "manage")["api_key"]
    assert (await clients(sandboxd, key).post(f"/boxes/{box['name']}/service-url", json=ASK)).status_code == 403


async def test_a_sandbox_of_another_workspace_is_not_there(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient], box: dict[str, Any]
) -> None:
    key = sandboxd.cli("keys", "create", "--name", "other", "--workspace", unique("other"))["api_key"]
    stranger = clients(sandboxd, key)
    for name in (box["name"], box["id"], "nobody"):
        answer = await stranger.post(f"/boxes/{name}/service-url", json=ASK)
        assert (answer.status_code, answer.json()["detail"]["error"]) == (404, "SandboxNotFound")


async def _ready(inside: Inside) -> str:
    await inside.client.post("/templates", json={"name": "t", "image": "host"})
    await inside.client.post("/boxes", json={"template_name": "t", "name": "b"})
    return "/boxes/b/service-url"


async def content_of(database: Database) -> str:
    """Every row of every table."""
    tables = [await database.fetch_all(select(table), {}) for table in Base.metadata.sorted_tables]
    return "\n".join(str(row) for rows in tables for row in rows)


async def test_the_database_holds_no_token(inside: Callable[..., Awaitable[Inside]]) -> None:
    started = await inside()
    token = (await started.client.post(await _ready(started), json=ASK)).json()["token"]
    content = await content_of(started.core.database)
    assert hashlib.sha256(token.encode()).hexdigest() in content
    assert token.removeprefix("sbxs_") not in content


async def test_a_sandbox_that_is_not_ready(inside: Callable[..., Awaitable[Inside]]) -> None:
    started = await inside()
    started.runtime.may_create.clear()
    await started.client.post("/templates", json={"name": "t", "image": "host"})
    await started.client.post("/boxes", json={"template_name": "t", "name": "b", "wait_for_ready": False})
    answer = await started.client.post("/boxes/b/service-url", json=ASK)
    assert (answer.status_code, answer.json()["detail"]["error"]) == (400, "NotReady")
    started.runtime.may_create.set()


async def test_tokens_of_a_sandbox_are_bounded_and_expired_ones_go(inside: Callable[..., Awaitable[Inside]]) -> None:
    started = await inside()
    path = await _ready(started)
    for _ in range(service_tokens.MOST_PER_SANDBOX):
        assert (await started.client.post(path, json=ASK)).status_code == 200
    refused = await started.client.post(path, json=ASK)
    assert (refused.status_code, refused.json()["detail"]["error"]) == (429, "TooManyRequests")
    database = started.core.database
    async with database.write() as session:
        await session.execute(update(ServiceToken).values(expires_at=time.time() - 1))
    assert (await started.client.post(path, json=ASK)).status_code == 200
    await service_tokens.forget_expired(database, actor="test")
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ServiceToken)) == 1
    await started.client.delete("/boxes/b")
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ServiceToken)) == 0
