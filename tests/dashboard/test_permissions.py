"""Every address and every socket asks the permission table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.urls import URLPattern, URLResolver, get_resolver

from dashboard.accounts.models import User
from dashboard.live.routing import websocket_urlpatterns as live
from dashboard.teams.access import NotAllowedError, NotAMemberError, authorise, require
from dashboard.teams.models import Role
from dashboard.teams.permissions import TABLE, allowed, roles_for, roles_that_may_be_given
from dashboard.terminals.routing import websocket_urlpatterns as terminals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dashboard.conftest import Cast

OF_NO_TEAM = {
    "home",
    "healthz",
    "account_login",
    "account_logout",
    "account_inactive",
    "account_reauthenticate",
    "account_change_password",
    "terminal_shared",
}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, prefix + str(entry.pattern))
        else:
            yield prefix + str(entry.pattern), entry


def unwrapped(view: Any) -> Iterator[Any]:
    while view is not None:
        yield view
        view = getattr(view, "__wrapped__", None)


def test_every_address_asks_the_table_or_belongs_to_no_team() -> None:
    found = list(patterns(get_resolver()))
    assert len(found) > 15
    for address, pattern in found:
        actions = [view.action for view in unwrapped(pattern.callback) if hasattr(view, "action")]
        if pattern.name in OF_NO_TEAM:
            assert not address.startswith("t/"), address
        else:
            assert actions, f"{address} asks nothing"
            assert actions[0] in TABLE, address
            assert address.startswith("t/<slug:team>/"), address


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pattern", [*terminals, *live], ids=lambda pattern: str(pattern.pattern))
def test_every_socket_asks_the_table(cast: Cast, pattern: URLPattern, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(role: str, action: str) -> bool:
        asked.append(action)
        return False

    monkeypatch.setattr("dashboard.teams.access.allowed", refuse)
    address = "/" + re.sub(
        r"<(\w+):\w+>",
        lambda found: {"slug": "blue", "uuid": str(uuid4())}[found[1]],
        str(pattern.pattern),
    )
    browser = cast.client(cast.owner)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    async_to_sync(closed)(address, cookie)
    assert asked, f"{address} asks nothing"
    assert set(asked) <= set(TABLE)


async def closed(address: str, cookie: str) -> None:
    """Open a socket as a browser with this cookie does, and wait until the console closes it."""
    from dashboard.asgi import application

    headers = {"host": "localhost", "origin": "http://localhost", "cookie": cookie}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "scheme": "ws", "path": address, "headers": raw, "query_string": b""}
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "websocket.connect"})
    while (await communicator.receive_output(5))["type"] != "websocket.close":
        continue
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(5)


def test_whoever_may_do_something_may_see_it() -> None:
    for action, roles in TABLE.items():
        kind, verb = action.split(".")
        assert roles, action
        if verb not in {"view", "manage"} and kind != "terminal":
            assert roles <= roles_for(f"{kind}.view"), action


def test_roles_are_ordered() -> None:
    for action in TABLE:
        reach = [allowed(role, action) for role in Role]
        assert reach == sorted(reach, reverse=True), action


def test_an_unknown_action_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        require("sandbox.explode")
    with pytest.raises(KeyError):
        allowed(Role.OWNER, "sandbox.explode")


def test_only_an_owner_makes_owners() -> None:
    assert Role.OWNER in roles_that_may_be_given(Role.OWNER)
    assert Role.OWNER not in roles_that_may_be_given(Role.ADMIN)
    assert not roles_that_may_be_given(Role.MEMBER)


def test_authorise_gives_access_to_those_who_may(cast: Cast) -> None:
    access = async_to_sync(authorise)(cast.member, "blue", "terminal.write")
    assert (access.user, access.team, access.role) == (cast.member, cast.team, Role.MEMBER)
    assert access.can("sandbox.create")
    assert not access.can("member.manage")


def test_authorise_refuses_a_role_that_does_not_reach_and_says_which_does(cast: Cast) -> None:
    with pytest.raises(NotAllowedError) as refused:
        async_to_sync(authorise)(cast.viewer, "blue", "terminal.write")
    assert refused.value.needed == ["Owner", "Admin", "Member"]


def test_authorise_knows_no_outsider_nobody_and_no_team(cast: Cast) -> None:
    people = (cast.outsider, AnonymousUser(), None)
    for person, team in [*((person, "blue") for person in people), (cast.owner, "nowhere")]:
        with pytest.raises(NotAMemberError):
            async_to_sync(authorise)(person, team, "sandbox.view")


def test_authorise_asks_afresh(cast: Cast) -> None:
    async_to_sync(authorise)(cast.member, "blue", "sandbox.view")
    User.objects.filter(pk=cast.member.pk).update(is_active=False)
    with pytest.raises(NotAMemberError):
        async_to_sync(authorise)(cast.member, "blue", "sandbox.view")
    cast.membership(cast.viewer).delete()
    with pytest.raises(NotAMemberError):
        async_to_sync(authorise)(cast.viewer, "blue", "sandbox.view")
