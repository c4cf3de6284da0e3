"""Fixtures: a real server that a run shares, its clients, and an application in this process on a fake runtime."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio

from sandboxcore.server.app import create_app, running
from sandboxcore.server.config import Settings
from sandboxcore.server.services import keys
from tests.server.fakes import FakeRuntime
from tests.server.live import Commands
from tests.server.running import POSTGRES_URL, Sandboxd, drop_postgres_database, new_postgres_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from sandboxcore.server.core import Core

DATABASES = ["sqlite", *(["postgresql"] if POSTGRES_URL else [])]
"""With ``SANDBOXD_TEST_POSTGRES_URL`` every test on the shared server runs a second time, on that PostgreSQL."""


@pytest.fixture(scope="session", params=DATABASES)
def sandboxd(request: pytest.FixtureRequest) -> Iterator[Sandboxd]:
    """A server that every test of a run shares; each test makes things under names of its own."""
    server = Sandboxd(postgres=request.param == "postgresql").start()
    yield server
    server.close()


@pytest.fixture
def own_sandboxd() -> Iterator[Callable[..., Sandboxd]]:
    """Starts servers that only this test uses, with settings of its own."""
    servers: list[Sandboxd] = []

    def start(**settings: object) -> Sandboxd:
        servers.append(Sandboxd(**settings).start())
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Makes HTTP clients, closed after the test."""
    async with AsyncExitStack() as stack:
        made: list[httpx.AsyncClient] = []

        def make(server: Sandboxd, key: str | None = None, **options: Any) -> httpx.AsyncClient:
            client = client_of(server, key, **options)
            stack.push_async_callback(client.aclose)
            made.append(client)
            return client

        yield make


def client_of(server: Sandboxd, key: str | None = None, **options: Any) -> httpx.AsyncClient:
    """A client with the server's first key, or another one."""
    headers = {"X-Api-Key": server.key if key is None else key} if key != "" else {}
    return httpx.AsyncClient(base_url=f"{server.origin}/v2/sandboxes", headers=headers, timeout=60, **options)


@pytest.fixture
def api(sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    """The shared server's API with its first key."""
    return clients(sandboxd)


@pytest_asyncio.fixture
async def template(api: httpx.AsyncClient) -> str:
    """The name of a template that works."""
    name = unique("template")
    answer = await api.post("/templates", json={"name": name, "image": "host"})
    assert answer.status_code == 201, answer.text
    return name


@pytest_asyncio.fixture
async def box(api: httpx.AsyncClient, template: str) -> AsyncIterator[dict[str, Any]]:
    """A sandbox that is ready, deleted after the test."""
    answer = await api.post("/boxes", json={"template_name": template})
    assert answer.status_code == 201, answer.text
    yield answer.json()
    await api.delete(f"/boxes/{answer.json()['id']}")


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Inside:
    """The application in this process, on a runtime in memory."""

    def __init__(self, core: Core, runtime: FakeRuntime, client: httpx.AsyncClient, app: FastAPI) -> None:
        self.core = core
        self.runtime = runtime
        self.client = client
        self.app = app


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address for servers to share; empty for SQLite in the folder that they share anyway."""
    if request.param == "sqlite":
        yield ""
        return
    address = new_postgres_database()
    yield address
    drop_postgres_database(address)


@pytest_asyncio.fixture
async def inside(tmp_path: Path, database_url: str) -> AsyncIterator[Callable[..., Awaitable[Inside]]]:
    """Starts the application in this process, on each database; its loops are slow enough to stay out of the way.

    Applications of one test share the database.
    """
    async with AsyncExitStack() as stack:

        async def start(runtime: FakeRuntime | None = None, **settings: Any) -> Inside:
            runtime = runtime or FakeRuntime()
            slow = {"reconcile_interval": 3600, "reap_interval": 3600, "pool_health_interval": 3600}
            slow |= {"runtime_retry_interval": 0.05, "readings_interval": 3600}
            places = {"state_dir": tmp_path, "run_dir": tmp_path, "database_url": database_url}
            app = create_app(Settings(**{**places, **slow, **settings}), runtime)
            core: Core = app.state.core
            await stack.enter_async_context(running(core))
            key = await keys.create_key(
                core.database, workspace="default", name="test", actor="test", acts_for_people=True
            )
            transport = httpx.ASGITransport(app)
            client = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=transport, base_url="http://test/v2/sandboxes", headers={"X-Api-Key": key.text}
                )
            )
            return Inside(core, runtime, client, app)

        yield start


@pytest_asyncio.fixture
async def live(sandboxd: Sandboxd, box: dict[str, Any]) -> AsyncIterator[Commands]:
    """Live commands of a fresh sandbox."""
    commands = Commands(box["dataplane_url"], sandboxd.key)
    yield commands
    await commands.close()
