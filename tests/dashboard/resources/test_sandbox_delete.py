"""Deleting a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/alpha/delete"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    browser = cast.client(cast.member)
    answer = browser.post(URL)
    assert answer.headers["Location"] == "/t/blue/sandboxes/"
    assert not fake.sandboxes
    assert "alpha was deleted" in browser.get("/t/blue/sandboxes/").content.decode()
    event = Event.objects.get()
    assert (event.action, event.target, event.actor_name) == ("sandbox.deleted", "alpha", "member")
    assert ("DELETE", "/v2/sandboxes/boxes/alpha", "member") in fake.seen


def test_asking_deletes_nothing_and_says_what_will_be_lost(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha", created_by="maria")
    browser = cast.client(cast.member)
    fragment = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "every file in it is lost" in fragment
    assert "maria" in fragment
    assert "<html" not in fragment
    assert "<html" in browser.get(URL).content.decode()
    assert "alpha" in fake.sandboxes


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_sandbox("alpha")
    assert cast.client(getattr(cast, who)).post(URL).status_code == status
    assert ("alpha" in fake.sandboxes) is (status != 302)


def test_one_that_is_gone_already_is_said(cast: Cast) -> None:
    browser = cast.client(cast.member)
    browser.post(URL)
    assert "Sandbox &#x27;alpha&#x27; not found" in browser.get("/t/blue/sandboxes/").content.decode()
    assert not Event.objects.exists()
