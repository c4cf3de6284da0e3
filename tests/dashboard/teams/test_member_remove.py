"""Removing a member."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from dashboard.teams.models import Membership

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from tests.dashboard.conftest import Cast


def url(cast: Cast, person: User) -> str:
    return f"/t/blue/team/members/{cast.membership(person).pk}/remove"


def belongs(cast: Cast, person: User) -> bool:
    return Membership.objects.filter(team=cast.team, user=person).exists()


def test_it_works(cast: Cast) -> None:
    browser, place = cast.client(cast.owner), url(cast, cast.member)
    assert "Remove member?" in browser.get(place, headers={"HX-Request": "true"}).content.decode()
    assert belongs(cast, cast.member)
    assert browser.post(place).headers["Location"] == "/t/blue/team/"
    assert not belongs(cast, cast.member)
    assert cast.client(cast.member).get("/t/blue/").status_code == 404
    assert Event.objects.get().action == "member.removed"


@pytest.mark.parametrize(("who", "status"), [("admin", 302), ("member", 403), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).post(url(cast, cast.viewer))
    assert answer.status_code == status
    assert belongs(cast, cast.viewer) is (status != 302)


def test_the_last_owner_stays(cast: Cast) -> None:
    browser = cast.client(cast.owner)
    browser.post(url(cast, cast.owner))
    assert belongs(cast, cast.owner)
    assert "at least one owner" in browser.get("/t/blue/team/").content.decode()


def test_whoever_removes_themselves_is_led_out(cast: Cast) -> None:
    assert cast.client(cast.admin).post(url(cast, cast.admin)).headers["Location"] == "/"
    assert not belongs(cast, cast.admin)
