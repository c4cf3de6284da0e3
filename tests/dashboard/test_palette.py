"""What the palette finds, for whom, and what it says when the server fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from dashboard.palette import search
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/palette"
FRAGMENT = {"HX-Request": "true"}


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_sandbox("python-box", "python")
    page = cast.client(cast.member).get(URL, {"q": "python"}, headers=FRAGMENT).content.decode()
    assert 'href="/t/blue/sandboxes/python-box/"' in page
    assert 'href="/t/blue/templates/python/"' in page
    assert "<html" not in page


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 200), ("viewer", 200), ("outsider", 404)]
)
def test_who_may_ask(cast: Cast, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL, {"q": "a"}, headers=FRAGMENT).status_code == status


def test_actions_are_those_that_the_role_may_do(cast: Cast) -> None:
    for person, offered in ((cast.member, True), (cast.viewer, False)):
        page = cast.client(person).get(URL, headers=FRAGMENT).content.decode()
        assert ("/t/blue/sandboxes/new" in page) is offered
        assert "/t/blue/team/members/new" not in page
    assert "/t/blue/team/members/new" in cast.client(cast.admin).get(URL, headers=FRAGMENT).content.decode()


def test_members_of_the_team_alone_are_found(cast: Cast) -> None:
    page = cast.client(cast.viewer).get(URL, {"q": "example.org"}, headers=FRAGMENT).content.decode()
    assert "owner" in page
    assert "outsider" not in page


def test_without_script_it_is_a_page(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    page = cast.client(cast.viewer).get(URL, {"q": "alp"}).content.decode()
    assert "<html" in page
    assert 'href="/t/blue/sandboxes/alpha/"' in page


def test_a_server_that_fails_is_a_line_and_the_rest_stands(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = refusal(500, "InternalError", "the disk is full")
    answer = cast.client(cast.viewer).get(URL, {"q": "owner"}, headers=FRAGMENT)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "the disk is full" in page
    assert "Members" in page


def test_a_server_that_is_slow_is_not_waited_for(cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    class Never(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

    fake.transport = Never()
    monkeypatch.setattr(search, "WITHIN", 0.05)
    page = cast.client(cast.viewer).get(URL, {"q": "own"}, headers=FRAGMENT).content.decode()
    assert "did not answer in time" in page
    assert "owner" in page


def test_hostile_words_stay_words(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "<script>alert(1)</script>\u202e")
    page = cast.client(cast.viewer).get(URL, {"q": "python<script>"}, headers=FRAGMENT).content.decode()
    page += cast.client(cast.viewer).get(URL, {"q": "pyth"}, headers=FRAGMENT).content.decode()
    assert "<script>" not in page
    assert "\u202e" not in page
