"""The list of sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_sandbox("alpha", created_by="member", ttl_seconds=3600)
    page = cast.client(cast.viewer).get(URL).content.decode()
    for shown in ("alpha", "python", "member", "ready", 'datetime="'):
        assert shown in page
    assert "/t/blue/sandboxes/alpha/terminal/" in page


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 200), ("viewer", 200), ("outsider", 404)]
)
def test_who_may_see_it(cast: Cast, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_without_signing_in_it_leads_to_the_sign_in_page(cast: Cast) -> None:
    answer = cast.client(None).get(URL + "?q=a")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/accounts/login/?next=/t/blue/sandboxes/%3Fq%3Da"


def test_only_those_who_may_are_offered_to_create_and_delete(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    for person, offered in ((cast.member, True), (cast.viewer, False)):
        page = cast.client(person).get(URL).content.decode()
        assert ("/t/blue/sandboxes/new" in page) is offered
        assert ("/t/blue/sandboxes/alpha/delete" in page) is offered


def test_empty_it_says_the_next_step_and_shows_a_program(cast: Cast) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "No sandboxes yet" in page
    assert "SandboxClient(" in page


def test_search_and_state_choose(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha", created_by="maria")
    fake.add_sandbox("beta", status="failed", status_message="ImagePull: no such image")
    browser = cast.client(cast.viewer)
    by_maker = browser.get(URL, {"q": "MARIA"}).content.decode()
    assert "/alpha/" in by_maker
    assert "/beta/" not in by_maker
    failed = browser.get(URL, {"status": "failed"}).content.decode()
    assert "/beta/" in failed
    assert "ImagePull: no such image" in failed
    assert "/alpha/" not in failed
    assert "Nothing matches" in browser.get(URL, {"q": "zzz"}).content.decode()


def test_htmx_gets_the_results_alone(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    answer = cast.client(cast.viewer).get(URL, headers={"HX-Request": "true"})
    assert answer.content.decode().startswith('<section class="list-results" id="results"')
    assert "<html" not in answer.content.decode()
    assert "HX-Request" in answer.headers["Vary"]


def test_pages_orders_and_sizes_are_in_the_address(cast: Cast, fake: FakeApi) -> None:
    for number in range(60):
        fake.add_sandbox(f"box-{number:02}")
    browser = cast.client(cast.viewer)
    first = browser.get(URL, {"sort": "name"}).content.decode()
    assert "1&ndash;50 of 60 sandboxes" in first
    assert ">box-00<" in first
    assert ">box-50<" not in first
    assert "?sort=name&amp;page=2" in first
    assert 'aria-sort="ascending"' in first
    second = browser.get(URL, {"sort": "name", "page": "2"}).content.decode()
    assert "51&ndash;60 of 60 sandboxes" in second
    assert ">box-59<" in second
    falling = browser.get(URL, {"sort": "-name", "size": "25"}).content.decode()
    assert "1&ndash;25 of 60 sandboxes" in falling
    assert 'aria-sort="descending"' in falling


@pytest.mark.parametrize(
    "nonsense",
    ["page=-1", "page=9", "page=999999999999", "page=½", "size=7", "sort=password", "sort=--name", "status=", "q=%00"],
)
def test_nonsense_in_the_address_is_as_if_it_were_not_there(cast: Cast, fake: FakeApi, nonsense: str) -> None:
    fake.add_sandbox("alpha")
    answer = cast.client(cast.viewer).get(f"{URL}?{nonsense}")
    assert answer.status_code == 200
    assert "1&ndash;1 of 1 sandbox" in answer.content.decode()


def test_letters_typed_into_the_search_make_one_step_back(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    browser = cast.client(cast.viewer)

    def ask(trigger: str, now: str, query: str) -> dict[str, str]:
        headers = {"HX-Request": "true", "HX-Trigger": trigger, "HX-Current-URL": f"http://testserver{URL}{now}"}
        return dict(browser.get(URL + query, headers=headers).headers)

    assert ask("q", "", "?q=a")["HX-Push-Url"] == f"{URL}?q=a"
    assert ask("q", "?q=a", "?q=al")["HX-Replace-Url"] == f"{URL}?q=al"
    assert ask("list-form", "?q=a", "?q=a&status=ready&status=&sort=-created_at&size=50")["HX-Push-Url"] == (
        f"{URL}?q=a&status=ready"
    )


def test_hostile_text_is_escaped(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha", template="<script>alert(1)</script>", status="failed")
    fake.sandboxes["alpha"] |= {"status_message": "<img src=x onerror=alert(2)>", "created_by": "'\"><svg onload=x>"}
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "<svg onload" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a/b", "..", "", "ä b?#%", '"><img src=x>', "x" * 5000])
@pytest.mark.parametrize("page", ["", "sandboxes/", "templates/"])
def test_a_name_that_no_server_should_have_breaks_no_page(cast: Cast, fake: FakeApi, name: str, page: str) -> None:
    fake.add_sandbox(name, template=name, status="failed")
    fake.add_template(name, image=name)
    fake.add_sandbox("alpha")
    answer = cast.client(cast.owner).get(f"/t/blue/{page}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert "<img src=x" not in answer.content.decode()


def test_the_servers_words_are_shown_when_it_refuses(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = refusal(401, "Unauthorized", "the key was revoked on Tuesday")
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 200
    assert "he key was revoked on Tuesday" in answer.content.decode()
    assert "manage.py bootstrap" in answer.content.decode()


def test_the_page_stands_when_the_server_is_away(cast: Cast, fake: FakeApi) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    fake.transport = httpx.MockTransport(fail)
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 200
    assert "connection refused" in answer.content.decode()
    assert "Check that the sandbox server runs" in answer.content.decode()


def test_an_answer_that_makes_no_sense_is_no_failure_of_the_console(cast: Cast, fake: FakeApi) -> None:
    fake.transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>a proxy's page</html>"))
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 200
    assert "not JSON" in answer.content.decode()


def test_of_ten_thousand_one_page_is_read(cast: Cast, fake: FakeApi) -> None:
    for number in range(10_000):
        fake.add_sandbox(f"box-{number:05}")
    fake.seen.clear()
    page = cast.client(cast.viewer).get(URL, {"sort": "-name", "page": "200"}).content.decode()
    assert "9,951&ndash;10,000 of 10,000 sandboxes" in page
    assert page.count("<tr id=") == 50
    assert [path for _, path, _ in fake.seen].count("/v2/sandboxes/boxes") == 1


def test_long_names_and_those_that_run_the_other_way_stand_for_themselves(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("x" * 200, template="\u202egnp.exe", created_by="مريم")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert f'<bdi class="text-break">{"x" * 200}</bdi>' in page
    assert "⟨202E⟩gnp.exe" in page
    assert "\u202e" not in page
    assert '<bdi class="text-break">مريم</bdi>' in page
