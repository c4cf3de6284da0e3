"""Clients of the sandbox server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dashboard.accounts.models import User
from dashboard.teams import api
from dashboard.teams.models import Team

if TYPE_CHECKING:
    import pytest

TEAM = Team(api_endpoint="http://127.0.0.1:9/v2/sandboxes", api_key="k")


def person(name: str) -> User:
    return User(username=name)


async def test_it_works() -> None:
    first = api.client_for(TEAM, person("a"))
    assert api.client_for(TEAM, person("a")) is first
    assert api.client_for(TEAM, person("b")) is not first
    other = Team(api_endpoint=TEAM.api_endpoint, api_key="another")
    assert api.client_for(other, person("a")) is not first
    await api.close_clients()
    assert api.client_for(TEAM, person("a")) is not first
    await api.close_clients()


async def test_a_person_whose_name_is_not_ascii_is_named_all_the_same() -> None:
    client = api.make_client(TEAM, "Zoë Ø@example.com")
    assert unquote(client._http._http.headers[api.ACTOR_HEADER]) == "Zoë Ø@example.com"
    await client.aclose()


async def test_the_number_of_clients_is_bounded_and_the_oldest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_CLIENTS", 2)
    monkeypatch.setattr(api, "TIMEOUT", 0.0)
    closed: list[object] = []

    async def note(self: object) -> None:
        closed.append(self)

    monkeypatch.setattr(api.AsyncSandboxClient, "aclose", note)
    first = api.client_for(TEAM, person("a"))
    second = api.client_for(TEAM, person("b"))
    assert api.client_for(TEAM, person("a")) is first
    api.client_for(TEAM, person("c"))
    await asyncio.gather(*api._retiring)
    assert closed == [second]
    assert api.client_for(TEAM, person("a")) is first
    await api.close_clients()
