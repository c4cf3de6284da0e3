"""A fake server, clients for it, and pauses that take no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import sandboxcore.client._async._events
import sandboxcore.client._async._http
import sandboxcore.client._async._link
import sandboxcore.client._sync._events
import sandboxcore.client._sync._http
import sandboxcore.client._sync._link
from sandboxcore import AsyncSandboxClient, SandboxClient
from tests.client.fake import FakeServer
from tests.server.running import POSTGRES_URL, Sandboxd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server without any answers yet."""
    server = FakeServer()
    yield server
    server.stop()


@pytest.fixture
async def async_client(server: FakeServer) -> AsyncIterator[AsyncSandboxClient]:
    """An asynchronous client of the fake server."""
    async with AsyncSandboxClient(api_endpoint=server.endpoint, api_key="a-key") as client:
        yield client


@pytest.fixture
def sync_client(server: FakeServer) -> Iterator[SandboxClient]:
    """A synchronous client of the fake server."""
    with SandboxClient(api_endpoint=server.endpoint, api_key="a-key") as client:
        yield client


@pytest.fixture(scope="session", params=["sqlite", *(["postgresql"] if POSTGRES_URL else [])])
def sandboxd(request: pytest.FixtureRequest) -> Iterator[Sandboxd]:
    """A real server that every test of a run shares; each test makes a workspace of its own."""
    real = Sandboxd(postgres=request.param == "postgresql").start()
    yield real
    real.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause that a client would have made; none takes time."""
    made: list[float] = []

    async def async_sleep(seconds: float) -> None:
        made.append(seconds)

    def sleep(seconds: float) -> None:
        made.append(seconds)

    async def async_wait(event: Any, seconds: float) -> bool:
        made.append(seconds)
        return bool(event.is_set())

    def wait(event: Any, seconds: float) -> bool:
        made.append(seconds)
        return bool(event.is_set())

    monkeypatch.setattr(sandboxcore.client._async._http, "async_sleep", async_sleep)
    monkeypatch.setattr(sandboxcore.client._sync._http, "sleep", sleep)
    monkeypatch.setattr(sandboxcore.client._async._events, "async_sleep", async_sleep)
    monkeypatch.setattr(sandboxcore.client._sync._events, "sleep", sleep)
    monkeypatch.setattr(sandboxcore.client._async._link, "async_wait", async_wait)
    monkeypatch.setattr(sandboxcore.client._sync._link, "wait", wait)
    return made
