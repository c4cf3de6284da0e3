"""How the console answers htmx."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/t/blue/sandboxes/?state=ready"}


def test_a_session_that_ended_leads_the_whole_page_to_the_sign_in(cast: Cast) -> None:
    answer = cast.client(None).get("/t/blue/sandboxes/alpha/head", headers=HTMX)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=/t/blue/sandboxes/%3Fstate%3Dready"


def test_an_address_of_another_site_is_no_place_to_come_back_to(cast: Cast) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/t/blue/"}
    answer = cast.client(None).get("/t/blue/sandboxes/alpha/head", headers=headers)
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=/t/blue/sandboxes/alpha/head"


def test_a_redirect_after_a_form_moves_the_whole_page_too(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    answer = cast.client(cast.owner).post("/t/blue/sandboxes/alpha/delete", headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/t/blue/sandboxes/"


def test_a_part_leaves_what_is_to_be_said_to_the_page_that_follows(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    browser = cast.client(cast.owner)
    browser.post("/t/blue/sandboxes/alpha/delete")
    for path in ("/t/blue/", "/t/blue/sandboxes/alpha/"):
        assert "alpha was deleted" not in browser.get(path, headers=HTMX).content.decode()
    assert "alpha was deleted" in browser.get("/t/blue/sandboxes/").content.decode()


def test_without_htmx_a_redirect_stays_one(cast: Cast) -> None:
    answer = cast.client(None).get("/t/blue/")
    assert answer.status_code == 302
    assert "HX-Redirect" not in answer.headers
