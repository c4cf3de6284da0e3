"""The heading of a sandbox's page, asked for again while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/alpha/head?id=id-alpha"
LIVE = {"HX-Request": "true"}


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    answer = cast.client(cast.viewer).get(URL, headers=LIVE)
    assert answer.status_code == 200
    assert 'data-live="sandbox"' in answer.content.decode()


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_sandbox("alpha")
    assert cast.client(getattr(cast, who)).get(URL, headers=LIVE).status_code == status


def test_one_that_is_gone_says_so_and_is_followed_no_more(cast: Cast, fake: FakeApi) -> None:
    page = cast.client(cast.viewer).get(URL, headers=LIVE).content.decode()
    assert "ended" in page
    assert "data-live" not in page


@pytest.mark.parametrize("part", ["head?id=id-alpha", "metrics/"])
def test_a_server_that_fails_has_ended_no_sandbox(cast: Cast, fake: FakeApi, part: str) -> None:
    fake.add_sandbox("alpha")
    fake.answer_all = refusal(503, "Unavailable", "it is overloaded")
    answer = cast.client(cast.viewer).get(f"/t/blue/sandboxes/alpha/{part}", headers=LIVE)
    assert "has ended" not in answer.content.decode()
    assert "it is overloaded" in answer.content.decode().lower()
    # What asks for the heading keeps what it shows where this is no success.
    assert answer.status_code == (502 if part.startswith("head") else 200)
