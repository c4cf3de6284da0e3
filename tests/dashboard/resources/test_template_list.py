"""The list of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/templates/"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "python:3.12-slim", "250m", "2Gi")
    fake.add_sandbox("alpha", "python")
    page = cast.client(cast.viewer).get(URL).content.decode()
    for shown in ("python:3.12-slim", "0.25 cores", "2 GiB", "/t/blue/templates/python/"):
        assert shown in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_empty_it_shows_a_program_with_an_image_that_the_server_has(cast: Cast, fake: FakeApi) -> None:
    fake.capabilities["images"] = ["some-image"]
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "No templates yet" in page
    assert "image=&quot;some-image&quot;" in page


def test_hostile_text_is_escaped(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "<script>alert(1)</script>")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "<script>alert" not in page
