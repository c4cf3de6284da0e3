"""Links by which others look: who makes them, how long they work, what they show."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import AsyncClient
from django.urls import reverse
from django.utils import timezone

from dashboard.audit.models import Event
from dashboard.sockets import CloseCode
from dashboard.terminals import actions, pumps
from dashboard.terminals.models import ShareLink, TerminalSession, hash_token
from tests.dashboard.terminals.test_views import address, make, new_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.terminals.conftest import Shells_

    MakePage = Callable[..., Any]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running(cast: Cast, fake: FakeApi) -> TerminalSession:
    make(fake, "box")
    return new_session(cast, fake, started_at=timezone.now())


def links(cast: Cast, person: Any, session: TerminalSession, seconds: object = 600) -> Any:
    where = address("terminal_links", session_id=session.id)
    return cast.client(person).post(where, json.dumps({"seconds": seconds}), "application/json")


def token_of(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[1]


def test_it_works(cast: Cast, running: TerminalSession) -> None:
    made = links(cast, cast.member, running).json()
    token = token_of(made["url"])
    assert len(token) >= 43
    link = ShareLink.objects.get()
    assert link.token_hash == hash_token(token)
    answer = cast.client(None).get(reverse("terminal_shared", args=[token]))
    assert answer.status_code == 200
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
    page = answer.content.decode()
    assert f'data-socket="/shared/{token}/socket"' in page
    assert "/t/blue/" not in page, "no way into the console"
    cast.client(None).get(reverse("terminal_shared", args=[token]))
    shared, opened = Event.objects.filter(action__in=["terminal.shared", "terminal.link_opened"]).order_by("pk")
    assert (shared.actor, shared.detail["seconds"], opened.actor) == (cast.member, 600, None)
    assert token not in json.dumps([shared.detail, opened.detail])


def test_links_are_listed_without_their_tokens_and_withdrawn(cast: Cast, running: TerminalSession) -> None:
    token = token_of(links(cast, cast.owner, running).json()["url"])
    client = cast.client(cast.member)
    (row,) = client.get(address("terminal_links", session_id=running.id)).json()["links"]
    assert (row["created_by"], row["opened"]) == ("owner", False)
    assert token not in json.dumps(row)
    where = address("terminal_link_revoke", session_id=running.id, link_id=row["id"])
    assert client.post(where).status_code == 200
    assert client.post(where).status_code == 404
    assert client.get(address("terminal_links", session_id=running.id)).json() == {"links": []}
    assert cast.client(None).get(reverse("terminal_shared", args=[token])).status_code == 404
    assert Event.objects.filter(action="terminal.unshared", actor=cast.member).count() == 1


@pytest.mark.parametrize("seconds", [0, 59, 7 * 24 * 3600 + 1, "600", True, None, 1e9])
def test_a_link_ends_within_a_week(cast: Cast, running: TerminalSession, seconds: object) -> None:
    assert links(cast, cast.owner, running, seconds).status_code == 400
    assert not ShareLink.objects.exists()


def test_a_shell_has_only_so_many_links(cast: Cast, running: TerminalSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_LINKS", 1)
    assert links(cast, cast.owner, running).status_code == 200
    assert links(cast, cast.owner, running).status_code == 409


def test_a_shell_that_does_not_run_is_not_shared(cast: Cast, fake: FakeApi, running: TerminalSession) -> None:
    TerminalSession.objects.update(ended_at=timezone.now())
    assert links(cast, cast.owner, running).status_code == 409
    assert links(cast, cast.owner, new_session(cast, fake)).status_code == 409


def test_who_may_not_type_shares_nothing(cast: Cast, running: TerminalSession) -> None:
    assert links(cast, cast.viewer, running).status_code == 403
    assert links(cast, cast.outsider, running).status_code == 404


def test_another_teams_link_cannot_be_withdrawn(cast: Cast, running: TerminalSession) -> None:
    links(cast, cast.owner, running)
    where = address("terminal_link_revoke", session_id=running.id, link_id=ShareLink.objects.get().pk)
    assert cast.client(cast.outsider).post(where).status_code == 404
    assert cast.client(cast.outsider).post(where.replace("/blue/", "/green/")).status_code == 404
    assert ShareLink.objects.good().exists()


@pytest.mark.parametrize("change", ["expires_at", "revoked_at", "creator"])
def test_a_link_that_has_ended_opens_nothing(cast: Cast, running: TerminalSession, change: str) -> None:
    token = token_of(links(cast, cast.owner, running).json()["url"])
    if change == "creator":
        type(cast.owner).objects.filter(pk=cast.owner.pk).update(is_active=False)
    else:
        ShareLink.objects.update(**{change: timezone.now() - timedelta(seconds=1)})
    answer = cast.client(None).get(reverse("terminal_shared", args=[token]))
    assert answer.status_code == 404
    assert "terminal-page" not in answer.content.decode()


@pytest.fixture
def token(cast: Cast, shell: TerminalSession) -> str:
    """Of a link to the shell, which runs."""
    TerminalSession.objects.filter(id=shell.id).update(started_at=timezone.now())
    ShareLink.objects.create(
        session=shell,
        token_hash=hash_token("a-token"),
        created_by=cast.owner,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return "a-token"


async def test_a_guest_sees_and_does_not_type(page: MakePage, fakes: Shells_, token: str) -> None:
    guest = await page(None, path=f"/shared/{token}/socket")
    assert (await guest.open())["read_only"] is True
    await guest.type(0, b"rm -rf ~\r")
    await guest.tell(type="resize", rows=1, cols=1)
    await guest.tell(type="redraw")
    fakes.terminals[0].say("hello")
    assert (await guest.until("output"))["output"] == (0, b"hello")
    assert not fakes.terminals[0].typed
    assert not fakes.terminals[0].sizes
    assert not fakes.terminals[0].redrawn


async def test_who_is_looking_is_no_secret(page: MakePage, fakes: Shells_, token: str) -> None:
    owner, guest = await page(), await page(None, path=f"/shared/{token}/socket")
    await owner.open("client-owner")
    await guest.open("client-guest")
    while len((told := await owner.until("people"))["people"]) < 2:
        pass
    assert [each["name"] for each in told["people"]] == ["owner", "Guest of owner"]
    assert told["people"][1]["may_type"] is False


async def test_a_withdrawn_link_cuts_who_looks(
    page: MakePage, fakes: Shells_, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "RECHECK_SECONDS", 0.02)
    guest = await page(None, path=f"/shared/{token}/socket")
    await guest.open()
    await ShareLink.objects.aupdate(revoked_at=timezone.now())
    assert (await guest.until("close"))["close"] == CloseCode.EXPIRED


async def test_who_withdraws_it_in_this_console_cuts_them_at_once(
    page: MakePage, fakes: Shells_, token: str, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "RECHECK_SECONDS", 3600)
    guest, owner = await page(None, path=f"/shared/{token}/socket"), await page()
    await guest.open("client-guest")
    await owner.open("client-owner")
    link = await ShareLink.objects.aget()
    where = address("terminal_link_revoke", session_id=link.session_id, link_id=link.pk)
    browser = AsyncClient()
    await browser.aforce_login(cast.owner)
    assert (await browser.post(where)).status_code == 200
    assert (await guest.until("close"))["close"] == CloseCode.EXPIRED
    await owner.type(0, b"x")
    assert (await owner.until("taken"))["offset"] == 1


@pytest.mark.parametrize("wrong", ["another", "x" * 5000, "%00"])
async def test_a_wrong_token_opens_nothing(page: MakePage, fakes: Shells_, token: str, wrong: str) -> None:
    guest = await page(None, path=f"/shared/{wrong}/socket")
    assert await guest.connect()
    assert (await guest.receive())["close"] == CloseCode.EXPIRED
    assert not fakes.openings
