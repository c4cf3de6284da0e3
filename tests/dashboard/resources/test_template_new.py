"""Making a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

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
    assert answer.headers["Location"] == "/t/blue/templates/"
    assert fake.templates["python"]["resources"]["memory"] == "1Gi"
    assert Event.objects.get().detail == {"image": "host", "cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, FORM).status_code == status
    assert ("python" in fake.templates) is (status == 302)


def test_a_bad_quantity_is_said_beside_its_field_in_the_servers_words(cast: Cast, fake: FakeApi) -> None:
    answer = cast.client(cast.member).post(URL, FORM | {"cpu": "2 potatoes"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "not a quantity of CPU: &#x27;2 potatoes&#x27;" in page
    assert page.index('id="id_cpu_error"') < page.index("not a quantity of CPU") < page.index('id="id_memory"')
    assert 'value="2 potatoes"' in page
    assert not fake.templates


def test_a_taken_name_is_said_beside_the_name(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    page = cast.client(cast.member).post(URL, FORM).content.decode()
    assert page.index('id="id_name_error"') < page.index("a template named &#x27;python&#x27; exists")


def test_what_is_missing_is_said_without_asking_the_server(cast: Cast, fake: FakeApi) -> None:
    answer = cast.client(cast.member).post(URL, FORM | {"image": ""})
    assert "This field is required" in answer.content.decode()
    assert not any(method == "POST" for method, _, _ in fake.seen)
