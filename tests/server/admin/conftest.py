"""The application in this process with an admin key, on each database."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest_asyncio

from sandboxcore.server.services import admin_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.server.conftest import Inside


class Office:
    """The admin API, and clients of workspaces."""

    def __init__(self, server: Inside, key: str, stack: AsyncExitStack) -> None:
        self.server = server
        self.key = key
        self._stack = stack
        self.api = self.client(key, "http://test/v2/admin")

    def client(self, key: str, base: str = "http://test/v2/sandboxes") -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.server.app), base_url=base, headers={"X-Api-Key": key}
        )
        self._stack.push_async_callback(client.aclose)
        return client

    async def workspace(self, name: str, **body: Any) -> dict[str, Any]:
        answer = await self.api.post("/workspaces", json={"name": name, **body})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def make_key(self, workspace: str = "default", **body: Any) -> dict[str, Any]:
        answer = await self.api.post(f"/workspaces/{workspace}/keys", json={"name": "k", **body})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def events(self, key: str, kind: str) -> list[dict[str, Any]]:
        """Events of a kind of subject in the workspace of a key."""
        answer = await self.client(key).get("/events", params={"limit": 1000, "type": kind})
        found: list[dict[str, Any]] = answer.json()["events"]
        return found


@pytest_asyncio.fixture
async def office(inside: Callable[..., Awaitable[Inside]]) -> AsyncIterator[Office]:
    server = await inside()
    made = await admin_keys.create_admin_key(server.core.database, actor="test", name="operator")
    async with AsyncExitStack() as stack:
        yield Office(server, made.new.text, stack)
