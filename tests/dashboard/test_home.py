"""The address without a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.teams.models import Membership, Role

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast


def test_it_works(cast: Cast) -> None:
    assert cast.client(cast.viewer).get("/").headers["Location"] == "/t/blue/"
    assert cast.client(None).get("/").headers["Location"] == "/accounts/login/?next=/"


def test_it_leads_to_the_team_that_was_looked_at_last(cast: Cast) -> None:
    Membership.objects.create(team=cast.other_team, user=cast.owner, role=Role.VIEWER)
    browser = cast.client(cast.owner)
    browser.get("/t/green/")
    assert browser.get("/").headers["Location"] == "/t/green/"
    page = browser.get("/t/green/").content.decode()
    assert 'href="/t/blue/"' in page


def test_a_person_of_no_team_is_told_what_to_do(cast: Cast) -> None:
    cast.membership(cast.member).delete()
    page = cast.client(cast.member).get("/").content.decode()
    assert "You belong to no team yet" in page
    assert "member" in page
