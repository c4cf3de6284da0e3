"""The team's first page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/"


def numbers(page: str) -> list[str]:
    return re.findall(r'class="number">(\d+)<', page)


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_sandbox("alpha")
    fake.add_sandbox("beta")
    fake.add_sandbox("gamma", status="failed", status_message="CrashLoop: it ends at once")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert numbers(page) == ["2", "0", "1", "1"]
    assert "CrashLoop: it ends at once" in page
    for lead in ("/t/blue/sandboxes/?status=ready", "/t/blue/sandboxes/?status=failed", "/t/blue/templates/"):
        assert lead in page
    assert "SANDBOX_ENDPOINT=http://sandboxes.test" in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_without_templates_the_next_step_is_making_one(cast: Cast) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "Start with a template" in page
    assert "New sandbox" not in page


def test_where_nothing_is_isolated_every_page_says_so(cast: Cast, fake: FakeApi) -> None:
    fake.capabilities |= {"runtime": "process", "isolated": False}
    browser = cast.client(cast.viewer)
    for page in ("", "sandboxes/", "templates/", "activity/", "team/"):
        assert "Nothing is isolated" in browser.get(URL + page).content.decode()


def test_where_the_runtime_cannot_work_the_remedy_is_shown(cast: Cast, fake: FakeApi) -> None:
    fake.capabilities = {
        "runtime": "namespaces",
        "available": False,
        "problem": "namespaces are switched off",
        "remedy": "Run `sysctl -w user.max_user_namespaces=1000` <script>alert(1)</script>.",
    }
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "amespaces are switched off" in page
    assert "<code>sysctl -w user.max_user_namespaces=1000</code>" in page
    assert "<script>alert" not in page
    assert "Nothing is isolated" not in page


def test_a_server_that_does_not_tell_what_it_enforces_is_no_problem(cast: Cast, fake: FakeApi) -> None:
    fake.hide_capabilities = True
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "server-banner" not in page
    assert numbers(page) == ["0", "0", "0", "0"]


def test_what_the_server_enforces_is_asked_once_for_several_pages(cast: Cast, fake: FakeApi) -> None:
    browser = cast.client(cast.viewer)
    for _ in range(3):
        browser.get(URL)
    assert [path for _, path, _ in fake.seen].count("/v2/sandboxes/capabilities") == 1


def test_the_page_stands_when_the_server_fails(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = refusal(500, "InternalError", "the database is locked")
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 200
    assert "he database is locked" in answer.content.decode()
