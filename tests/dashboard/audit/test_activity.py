"""The activity page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.audit.models import Event
from dashboard.audit.record import record
from tests.dashboard.downloads import text_of

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

PAGE = 50
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
    assert "box-0-end" in browser.get(URL, {"page": "9"}).content.decode()


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


def test_it_is_narrowed_by_person_kind_time_and_words(cast: Cast) -> None:
    record(actor=cast.member, team=cast.team, action="sandbox.created", target="alpha-box")
    record(actor=cast.owner, team=cast.team, action="template.created", target="beta-template")
    record(actor=None, team=cast.team, action="team.connected", target="gamma-team")
    Event.objects.filter(target="alpha-box").update(at=timezone.now() - timedelta(days=2))
    browser = cast.client(cast.viewer)

    def found(**asked: str | list[str]) -> set[str]:
        page = browser.get(URL, asked).content.decode()
        return {name for name in ("alpha-box", "beta-template", "gamma-team") if f">{name}<" in page}

    assert found() == {"alpha-box", "beta-template", "gamma-team"}
    assert found(person="member") == {"alpha-box"}
    assert found(person=["owner", "(system)"]) == {"beta-template", "gamma-team"}
    assert found(kind=["sandbox", "team"]) == {"alpha-box", "gamma-team"}
    assert found(since="day") == {"beta-template", "gamma-team"}
    assert found(since="week", kind="sandbox") == {"alpha-box"}
    assert found(q="TEMPLATE") == {"beta-template"}
    assert found(since="yesterday", kind="sandbo") == set()


def test_oldest_first(cast: Cast) -> None:
    for name in ("alpha-box", "beta-box"):
        record(actor=None, team=cast.team, action="sandbox.deleted", target=name)
    page = cast.client(cast.viewer).get(URL, {"sort": "at"}).content.decode()
    assert page.index(">alpha-box<") < page.index(">beta-box<")


def test_as_a_file(cast: Cast) -> None:
    record(actor=cast.member, team=cast.team, action="sandbox.created", target="=1+1", detail={"template": "python"})
    answer = cast.client(cast.viewer).get(URL + "export.csv")
    text = text_of(answer)
    assert text.splitlines()[0] == "What,Who,Kind,When,Target,Detail"
    assert "sandbox.created,member,sandbox.created," in text
    assert ",'=1+1," in text
