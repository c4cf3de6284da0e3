"""Changing a member's role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from tests.dashboard.conftest import Cast


def url(cast: Cast, person: User) -> str:
    return f"/t/blue/team/members/{cast.membership(person).pk}/role"


def test_it_works(cast: Cast) -> None:
    browser = cast.client(cast.owner)
    fragment = browser.get(url(cast, cast.viewer), headers={"HX-Request": "true"}).content.decode()
    assert "Role of viewer" in fragment
    assert "<html" not in fragment
    assert browser.post(url(cast, cast.viewer), {"role": "admin"}).status_code == 302
    assert cast.membership(cast.viewer).role == "admin"
    event = Event.objects.get()
    assert (event.action, event.detail) == ("member.role_changed", {"from": "viewer", "to": "admin"})


@pytest.mark.parametrize(("who", "status"), [("admin", 302), ("member", 403), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).post(url(cast, cast.viewer), {"role": "member"})
    assert answer.status_code == status
    assert (cast.membership(cast.viewer).role == "member") is (status == 302)


def test_the_last_owner_stays_one(cast: Cast) -> None:
    answer = cast.client(cast.owner).post(url(cast, cast.owner), {"role": "viewer"})
    assert answer.status_code == 422
    assert "at least one owner" in answer.content.decode()
    assert cast.membership(cast.owner).role == "owner"


def test_an_admin_takes_no_owner_down(cast: Cast) -> None:
    answer = cast.client(cast.admin).post(url(cast, cast.owner), {"role": "viewer"})
    assert "cannot give or take the role Owner" in answer.content.decode()
    assert cast.membership(cast.owner).role == "owner"


def test_a_member_of_another_team_is_not_found(cast: Cast) -> None:
    theirs = cast.other_team.memberships.get().pk
    assert cast.client(cast.owner).post(f"/t/blue/team/members/{theirs}/role", {"role": "viewer"}).status_code == 404


def test_the_same_role_again_is_no_event(cast: Cast) -> None:
    cast.client(cast.owner).post(url(cast, cast.viewer), {"role": "viewer"})
    assert not Event.objects.exists()
