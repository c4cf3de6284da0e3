"""Adding a member."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.accounts.models import User
from dashboard.audit.models import Event
from dashboard.teams.models import Membership

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

URL = "/t/blue/team/members/new"


def test_it_works(cast: Cast) -> None:
    answer = cast.client(cast.owner).post(URL, {"who": "OUTSIDER@example.org", "role": "member"})
    assert answer.headers["Location"] == "/t/blue/team/"
    assert cast.membership(cast.outsider).role == "member"
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("member.added", "outsider", {"role": "member"})


@pytest.mark.parametrize(("who", "status"), [("admin", 302), ("member", 403), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).post(URL, {"who": "outsider", "role": "viewer"})
    assert answer.status_code == status
    assert Membership.objects.filter(team=cast.team, user=cast.outsider).exists() is (status == 302)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("nobody", "Nobody here has the user name or e-mail address nobody"),
        ("member", "member is already a member"),
        ("twin@example.org", "More than one person"),
        ("", "This field is required"),
    ],
)
def test_what_cannot_be_is_said_and_kept(cast: Cast, who: str, words: str) -> None:
    for name in ("twin1", "twin2"):
        User.objects.create_user(name, "twin@example.org")
    answer = cast.client(cast.owner).post(URL, {"who": who, "role": "viewer"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Membership.objects.filter(team=cast.team).count() == 4


def test_somebody_switched_off_cannot_be_added(cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    assert cast.client(cast.owner).post(URL, {"who": "outsider", "role": "viewer"}).status_code == 422


def test_an_admin_makes_no_owner(cast: Cast) -> None:
    answer = cast.client(cast.admin).post(URL, {"who": "outsider", "role": "owner"})
    assert answer.status_code == 422
    assert not Membership.objects.filter(team=cast.team, user=cast.outsider).exists()
