"""The activity page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from dashboard.audit.record import record
from dashboard.audit.views import PAGE

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

URL = "/t/blue/activity/"


def test_it_works(cast: Cast) -> None:
    record(actor=cast.member, team=cast.team, action="sandbox.created", target="alpha", detail={"template": "python"})
    record(actor=None, team=cast.team, action="team.connected", target="http://x")
    record(actor=cast.outsider, team=cast.other_team, action="sandbox.created", target="secret-name")
    page = cast.client(cast.viewer).get(URL).content.decode()
    for shown in ("created the sandbox", "alpha", "template: python", "sandbox.created", "system"):
        assert shown in page
    assert page.index("connected the team to") < page.index("created the sandbox")
    assert "secret-name" not in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_it_is_read_by_pages(cast: Cast) -> None:
    for number in range(PAGE + 1):
        record(actor=None, team=cast.team, action="sandbox.deleted", target=f"box-{number}-end")
    browser = cast.client(cast.viewer)
    first, second = (browser.get(URL, {"page": page}).content.decode() for page in ("1", "2"))
    assert "box-0-end" not in first
    assert f"box-{PAGE}-end" in first
    assert "?page=2" in first
    assert "box-0-end" in second
    assert "?page=3" not in second
    assert "Nothing on this page" in browser.get(URL, {"page": "9"}).content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "x", "٣", "9" * 400, "000000001" + "9" * 400, ""])
def test_a_page_that_makes_no_sense_is_the_first(cast: Cast, page: str) -> None:
    record(actor=None, team=cast.team, action="sandbox.deleted", target="alpha")
    assert "alpha" in cast.client(cast.viewer).get(URL, {"page": page}).content.decode()


def test_hostile_text_is_escaped_and_an_older_action_is_shown_by_its_name(cast: Cast) -> None:
    Event.objects.create(team=cast.team, actor_name="<b>x", action="old.thing", target="<script>alert(1)</script>")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "<script>alert" not in page
    assert "<b>x" not in page
    assert "old.thing" in page
