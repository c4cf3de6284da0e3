"""One template's page, and its other name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/templates/python/"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "host", "250m", "2Gi")
    fake.templates["python"]["volume_mounts"] = [{"volume_name": "data", "mount_path": "/data"}]
    fake.templates["python"]["used_by"] = {
        "sandboxes": 120,
        "pools": 1,
        "sandbox_names": ["alpha"],
        "pool_names": ["warm"],
    }
    page = cast.client(cast.member).get(URL).content.decode()
    for shown in ("250m", "2Gi", "/data", "present", "120 sandboxes", "alpha", "1 pool", "warm", "create_sandbox("):
        assert shown in page
    assert "/t/blue/sandboxes/new?template=python" in page


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 200), ("viewer", 200), ("outsider", 404)]
)
def test_who_may_see_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_template("python")
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_a_viewer_is_offered_nothing_to_change(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    page = cast.client(cast.viewer).get(URL).content.decode()
    for missing in ("/rename", "/delete", "Duplicate", "sandboxes/new"):
        assert missing not in page


def test_one_that_is_not_there_is_not_found_in_the_servers_words(cast: Cast) -> None:
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 404
    assert "Template &#x27;python&#x27; not found" in answer.content.decode()


def test_hostile_words_stay_words(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "<script>alert(1)</script>\x1b[2J\u202egnp")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_an_image_that_the_server_does_not_have_is_said(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "nowhere:1")
    assert "not there" in cast.client(cast.viewer).get(URL).content.decode()


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("member", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_rename_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_template("python")
    answer = cast.client(getattr(cast, who)).post(f"{URL}rename", {"name": "snake"})
    assert answer.status_code == status
    assert ("snake" in fake.templates) is (status == 302)
    if status == 302:
        assert answer.headers["Location"] == "/t/blue/templates/snake/"
        assert (Event.objects.get().action, Event.objects.get().target) == ("template.updated", "snake")


def test_a_taken_name_is_said_beside_the_field(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_template("snake")
    answer = cast.client(cast.member).post(f"{URL}rename", {"name": "snake"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="snake"' in page
    assert 'id="id_name_error"' in page
