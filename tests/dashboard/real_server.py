"""A real sandbox server for the console's tests: a process of its own, and a workspace of its own for each test."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

from dashboard.teams import api
from sandboxcore import AdminClient, AsyncSandboxClient, SandboxClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from dashboard.teams.models import Team
    from tests.server.running import Sandboxd


@dataclass(frozen=True)
class Workspace:
    """One test's workspace."""

    name: str
    api_endpoint: str
    api_key: str

    def client(self) -> SandboxClient:
        """A program's way in; to be closed."""
        return SandboxClient(api_endpoint=self.api_endpoint, api_key=self.api_key)

    def async_client(self) -> AsyncSandboxClient:
        """The same, asynchronous."""
        return AsyncSandboxClient(api_endpoint=self.api_endpoint, api_key=self.api_key)


def admin_of(process: Sandboxd) -> AdminClient:
    """The server's admin API; to be closed."""
    return AdminClient(api_endpoint=f"{process.origin}/v2/admin", admin_key=process.admin_key)


def new_workspace(process: Sandboxd) -> Workspace:
    """A fresh workspace without limits, with a key that acts for people."""
    name = f"w{uuid4().hex[:10]}"
    with admin_of(process) as admin:
        admin.create_workspace(name)
        key = admin.create_key(name, "console", scopes=["read", "run", "manage"], acts_for_people=True)
    return Workspace(name, f"{process.origin}/v2/sandboxes", key.api_key)


def make_client(team: Team, actor_name: str) -> AsyncSandboxClient:
    """The console's client, without connections that outlive a request: each of a test's requests has its own loop."""
    return AsyncSandboxClient(
        api_endpoint=team.api_endpoint,
        api_key=team.api_key,
        max_retries=0,
        headers={api.ACTOR_HEADER: actor_name},
        transport=httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0)),
    )


@contextmanager
def workspace_of(team: Team, process: Sandboxd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A new workspace of this server, which is the team's meanwhile."""
    workspace = new_workspace(process)
    monkeypatch.setattr(api, "make_client", make_client)
    team.api_endpoint, team.api_key = workspace.api_endpoint, workspace.api_key
    team.save(update_fields=["api_endpoint", "api_key"])
    yield workspace
    with admin_of(process) as admin:
        admin.delete_workspace(workspace.name, force=True)
