"""Deleting a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/templates/python/delete"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "some-image")
    browser = cast.client(cast.member)
    assert "some-image" in browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert fake.templates
    assert browser.post(URL).headers["Location"] == "/t/blue/templates/"
    assert not fake.templates
    assert Event.objects.get().action == "template.deleted"


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_template("python")
    assert cast.client(getattr(cast, who)).post(URL).status_code == status
    assert ("python" in fake.templates) is (status != 302)


def test_one_in_use_stays_and_the_server_says_why(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_sandbox("alpha", "python")
    browser = cast.client(cast.member)
    answer = browser.post(URL)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Sandboxes use the template &#x27;python&#x27;" in page
    assert "Sandboxes that use it" in page
    assert 'href="/t/blue/sandboxes/alpha/"' in page
    assert "python" in fake.templates
    assert not Event.objects.exists()
