"""Signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.accounts.models import User
from tests.dashboard.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

URL = "/accounts/login/"


@pytest.mark.parametrize("login", ["member", "member@example.org"])
def test_it_works(cast: Cast, login: str) -> None:
    browser = cast.client(None)
    page = browser.get(URL).content.decode()
    assert 'autocomplete="username"' in page
    assert "Sign up" not in page
    answer = browser.post(URL + "?next=/t/blue/templates/", {"login": login, "password": PASSWORD})
    assert answer.headers["Location"] == "/t/blue/templates/"
    assert browser.get("/t/blue/").status_code == 200


def test_a_wrong_password_is_said_and_the_name_kept(cast: Cast) -> None:
    answer = cast.client(None).post(URL, {"login": "member", "password": "wrong"})
    assert answer.status_code == 200
    assert "not correct" in answer.content.decode()
    assert 'value="member"' in answer.content.decode()


def test_guessing_is_stopped(cast: Cast) -> None:
    browser = cast.client(None)
    for _ in range(12):
        browser.post(URL, {"login": "member", "password": "wrong"})
    page = browser.post(URL, {"login": "member", "password": PASSWORD}).content.decode()
    assert "Too many failed login attempts" in page


def test_somebody_switched_off_does_not_get_in(cast: Cast) -> None:
    User.objects.filter(pk=cast.member.pk).update(is_active=False)
    browser = cast.client(None)
    browser.post(URL, {"login": "member", "password": PASSWORD})
    assert browser.get("/t/blue/").status_code == 302
    assert "switched off" in browser.get("/accounts/inactive/").content.decode()


def test_another_site_is_no_place_to_go_to(cast: Cast) -> None:
    answer = cast.client(None).post(URL + "?next=https://evil.example/", {"login": "member", "password": PASSWORD})
    assert answer.headers["Location"] == "/"


def test_signing_out_takes_a_form(cast: Cast) -> None:
    browser = cast.client(cast.member)
    assert "what runs in them go on" in browser.get("/accounts/logout/").content.decode()
    assert browser.get("/t/blue/").status_code == 200
    browser.post("/accounts/logout/")
    assert browser.get("/t/blue/").status_code == 302


@pytest.mark.parametrize("address", ["signup/", "password/reset/", "email/", "social/", "2fa/"])
def test_nobody_signs_up(cast: Cast, address: str) -> None:
    assert cast.client(None).get(f"/accounts/{address}").status_code == 404
