"""Making a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from tests.dashboard.fake_api import invalid

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/templates/new"
FORM = {"name": "python", "image": "host", "cpu": "1", "memory": "1Gi"}


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.capabilities["images"] = ["host", "python:3.12"]
    browser = cast.client(cast.member)
    page = browser.get(URL).content.decode()
    assert '<option value="python:3.12">' in page
    assert 'value="500m"' in page
    answer = browser.post(URL, FORM)
    assert answer.headers["Location"] == "/t/blue/templates/python/"
    assert fake.templates["python"]["resources"]["memory"] == "1Gi"
    assert Event.objects.get().detail == {"image": "host", "cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, FORM).status_code == status
    assert ("python" in fake.templates) is (status == 302)


def test_what_is_no_quantity_is_said_beside_its_field_without_asking_the_server(cast: Cast, fake: FakeApi) -> None:
    answer = cast.client(cast.member).post(URL, FORM | {"cpu": "2 potatoes"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.index('id="id_cpu_error"') < page.index("This is no quantity") < page.index('id="id_memory"')
    assert 'value="2 potatoes"' in page
    assert not any(method == "POST" for method, _, _ in fake.seen)


def test_what_the_server_refuses_is_said_beside_its_field_in_its_words(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = invalid(["resources", "cpu"], "more than this machine has")
    page = cast.client(cast.member).post(URL, FORM).content.decode()
    assert page.index('id="id_cpu_error"') < page.index("more than this machine has") < page.index('id="id_memory"')
    assert not fake.templates


def test_quantities_are_echoed(cast: Cast) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "= 0.5 cores" in page
    assert "= 512 MiB" in page


def test_a_copy_begins_with_what_the_other_has(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python", "python:3.12", "2", "3Gi")
    fake.templates["python"]["volume_mounts"] = [{"volume_name": "data", "mount_path": "/data"}]
    page = cast.client(cast.member).get(URL, {"from": "python"}).content.decode()
    for shown in ('value="python-2"', 'value="python:3.12"', 'value="2"', 'value="3Gi"', 'value="/data"'):
        assert shown in page


def test_rows_of_mounts_come_and_go_without_script_and_keep_what_was_typed(cast: Cast, fake: FakeApi) -> None:
    browser = cast.client(cast.member)
    rows = {"mount_volume": ["data", "cache"], "mount_path": ["/data", "/cache"]}
    more = browser.post(URL, FORM | rows | {"add_mount": "1"})
    assert more.status_code == 200
    page = more.content.decode()
    assert page.count('name="mount_path"') == 4  # two, a new one, and the one that a script adds
    assert 'value="python"' in page
    less = browser.post(URL, FORM | rows | {"remove_mount": "0"}).content.decode()
    assert 'value="/data"' not in less
    assert 'value="/cache"' in less
    assert not fake.templates


@pytest.mark.parametrize(
    ("volumes", "paths", "words"),
    [
        ([""], ["/data"], "Choose a volume"),
        (["data"], ["data"], "begins with a slash"),
        (["data", "cache"], ["/data", "/data/"], "cannot be mounted at one path"),
    ],
)
def test_a_mount_that_cannot_be_is_said_in_its_row(
    cast: Cast, fake: FakeApi, volumes: list[str], paths: list[str], words: str
) -> None:
    answer = cast.client(cast.member).post(URL, FORM | {"mount_volume": volumes, "mount_path": paths})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not fake.templates


def test_a_taken_name_is_said_beside_the_name(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    page = cast.client(cast.member).post(URL, FORM).content.decode()
    assert page.index('id="id_name_error"') < page.index("a template named &#x27;python&#x27; exists")


def test_what_is_missing_is_said_without_asking_the_server(cast: Cast, fake: FakeApi) -> None:
    answer = cast.client(cast.member).post(URL, FORM | {"image": ""})
    assert "This field is required" in answer.content.decode()
    assert not any(method == "POST" for method, _, _ in fake.seen)
