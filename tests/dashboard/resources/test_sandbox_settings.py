"""Renaming a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/alpha/settings/"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    browser = cast.client(cast.member)
    assert 'value="alpha"' in browser.get(URL).content.decode()
    answer = browser.post(URL, {"name": "omega"})
    assert answer.headers["Location"] == "/t/blue/sandboxes/omega/settings/"
    assert list(fake.sandboxes) == ["omega"]
    assert "alpha is now called omega" in browser.get(answer.headers["Location"]).content.decode()
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("sandbox.updated", "omega", {"renamed_from": "alpha"})


@pytest.mark.parametrize(("who", "status"), [("admin", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_sandbox("alpha")
    assert cast.client(getattr(cast, who)).post(URL, {"name": "omega"}).status_code == status
    assert ("omega" in fake.sandboxes) is (status == 302)


def test_a_taken_name_is_said_beside_the_field(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    fake.add_sandbox("omega")
    answer = cast.client(cast.member).post(URL, {"name": "omega"})
    assert answer.status_code == 422
    assert "a sandbox named &#x27;omega&#x27; exists" in answer.content.decode()
    assert not Event.objects.exists()
