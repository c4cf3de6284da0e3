"""The console in tests: a cast of people, a sandbox server played in memory, pages asked through Django's client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.conf import settings as conf
from django.core.cache import cache
from django.test import Client

from dashboard.accounts.models import User
from dashboard.teams import api
from dashboard.teams import server as server_states
from dashboard.teams.models import Membership, Role, Team
from sandboxcore import AsyncSandboxClient
from tests.dashboard import real_server
from tests.dashboard.fake_api import BASE, KEY, FakeApi
from tests.server.running import Sandboxd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "a long enough password"

# For the whole process: pytest-django's own fixture cannot restore a key that was empty.
conf.SECRET_KEY = "a key for tests only, as long as a key of a machine is"


@pytest.fixture(autouse=True)
def _console(settings: Any, tmp_path: Path) -> None:
    """What ``manage.py bootstrap`` prepares, and no memory of the test before."""
    settings.STATE_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    server_states.forget()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The sandbox server, joined at the SDK's transport: everything above it is the real thing."""
    played = FakeApi()

    def make_client(team: Team, actor_name: str) -> AsyncSandboxClient:
        return AsyncSandboxClient(
            api_endpoint=team.api_endpoint,
            api_key=team.api_key,
            max_retries=0,
            headers={api.ACTOR_HEADER: actor_name},
            transport=played.transport or httpx.ASGITransport(played.app),
        )

    monkeypatch.setattr(api, "make_client", make_client)
    return played


@dataclass
class Cast:
    """One team's people, and somebody of another team."""

    team: Team
    owner: User
    admin: User
    member: User
    viewer: User
    outsider: User
    other_team: Team

    def client(self, person: User | None, **options: Any) -> Client:
        """A browser in which this person is signed in; None: nobody."""
        browser = Client(**options)
        if person is not None:
            browser.force_login(person)
        return browser

    def membership(self, person: User) -> Membership:
        """The person's place in the team."""
        return Membership.objects.get(team=self.team, user=person)


@pytest.fixture
def cast(db: None, fake: FakeApi) -> Cast:
    """The people that every view is tried with. ``fake`` is their team's server."""
    del db, fake
    endpoint = f"http://sandboxes.test{BASE}"
    team = Team.objects.create(name="Blue", slug="blue", api_endpoint=endpoint, api_key=KEY)
    other = Team.objects.create(name="Green", slug="green", api_endpoint=endpoint, api_key="another key")
    people = {
        name: User.objects.create_user(name, f"{name}@example.org", PASSWORD)
        for name in ("owner", "admin", "member", "viewer", "outsider")
    }
    for role in Role:
        Membership.objects.create(team=team, user=people[role.value], role=role)
    Membership.objects.create(team=other, user=people["outsider"], role=Role.OWNER)
    return Cast(team=team, other_team=other, **people)


@pytest.fixture(scope="session")
def sandboxd_process() -> Iterator[Sandboxd]:
    """A sandbox server that the tests of a run share."""
    process = Sandboxd().start()
    yield process
    process.close()


@pytest.fixture
def server(cast: Cast, sandboxd_process: Sandboxd, monkeypatch: pytest.MonkeyPatch) -> Iterator[real_server.Workspace]:
    """A workspace of its own on a real sandbox server, in the place of ``fake``: it is the team's."""
    with real_server.workspace_of(cast.team, sandboxd_process, monkeypatch) as workspace:
        yield workspace
