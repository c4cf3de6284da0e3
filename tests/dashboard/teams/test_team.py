"""The team's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

URL = "/t/blue/team/"


def test_it_works(cast: Cast) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    for shown in ("owner@example.org", "Viewer", "(you)", "terminal.write"):
        assert shown in page
    assert "outsider" not in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_changes_are_offered_to_those_who_may_make_them(cast: Cast) -> None:
    def offered(person: str, of: str) -> bool:
        page = cast.client(getattr(cast, person)).get(URL).content.decode()
        return f"/members/{cast.membership(getattr(cast, of)).pk}/role" in page

    assert offered("owner", "owner")
    assert offered("admin", "member")
    assert not offered("admin", "owner")
    assert not offered("member", "viewer")
