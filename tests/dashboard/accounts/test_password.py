"""Changing the password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dashboard.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

URL = "/accounts/password/change/"
NEW = "another password of length"


def test_it_works(cast: Cast) -> None:
    browser = cast.client(cast.member)
    assert "Change password" in browser.get(URL).content.decode()
    answer = browser.post(URL, {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert answer.status_code == 302
    cast.member.refresh_from_db()
    assert cast.member.check_password(NEW)
    assert browser.get("/t/blue/").status_code == 200


def test_other_browsers_are_signed_out(cast: Cast) -> None:
    here, elsewhere = cast.client(cast.member), cast.client(cast.member)
    here.post(URL, {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert elsewhere.get("/t/blue/").status_code == 302


def test_a_weak_one_and_a_wrong_old_one_are_refused_beside_the_field(cast: Cast) -> None:
    page = cast.client(cast.member).post(URL, {"oldpassword": "wrong", "password1": "short", "password2": "short"})
    text = page.content.decode()
    assert "at least 12 characters" in text
    assert 'id="id_oldpassword_error"' in text
    cast.member.refresh_from_db()
    assert cast.member.check_password(PASSWORD)


def test_without_signing_in_it_leads_to_the_sign_in_page(cast: Cast) -> None:
    assert cast.client(None).get(URL).headers["Location"].startswith("/accounts/login/")
