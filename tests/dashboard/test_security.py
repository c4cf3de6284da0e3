"""What holds on every page: the content policy, tokens, cookies, no script or style in the markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

PAGES = [
    "/t/blue/",
    "/t/blue/sandboxes/",
    "/t/blue/sandboxes/new",
    "/t/blue/sandboxes/alpha/",
    "/t/blue/sandboxes/alpha/metrics/",
    "/t/blue/sandboxes/alpha/processes/",
    "/t/blue/sandboxes/alpha/ports/",
    "/t/blue/sandboxes/alpha/ports/8000/tunnel",
    "/t/blue/sandboxes/alpha/settings/",
    "/t/blue/sandboxes/alpha/delete",
    "/t/blue/templates/",
    "/t/blue/templates/new",
    "/t/blue/activity/",
    "/t/blue/team/",
    "/t/blue/team/members/new",
    "/accounts/password/change/",
    "/t/nowhere/",
]
TEMPLATES = sorted(path for path in (settings.BASE_DIR / "templates").rglob("*.html") if "terminals" not in path.parts)


@pytest.mark.parametrize("page", PAGES)
def test_no_script_of_others_and_none_in_the_page(cast: Cast, fake: FakeApi, page: str) -> None:
    fake.add_template("python")
    fake.add_sandbox("alpha")
    answer = cast.client(cast.owner).get(page)
    assert answer.status_code in {200, 404}
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    text = answer.content.decode()
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", text))
    assert not re.search(r"<style\b|\sstyle=|\son\w+=|javascript:", text)
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_script_and_no_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style\b|\sstyle=|\son\w+=\"|javascript:|hx-on|\|safe\b|autoescape off", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text)


def test_a_form_without_its_token_is_refused_in_words(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    browser = cast.client(cast.owner, enforce_csrf_checks=True)
    answer = browser.post("/t/blue/templates/python/delete")
    assert answer.status_code == 403
    assert "The form has expired" in answer.content.decode()
    assert "python" in fake.templates


def test_the_pages_token_lets_htmx_and_forms_through(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    browser = cast.client(cast.owner, enforce_csrf_checks=True)
    page = browser.get("/t/blue/templates/").content.decode()
    found = re.search(r'"X-CSRFToken": "(\w+)"', page)
    assert found is not None
    answer = browser.post("/t/blue/templates/python/delete", headers={"X-CSRFToken": found[1]})
    assert answer.status_code == 302
    assert not fake.templates


def test_cookies_are_kept_from_scripts_and_from_other_sites(cast: Cast) -> None:
    browser = cast.client(None)
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"login": "owner", "password": "a long enough password"})
    for name in ("console_session", "console_csrf"):
        cookie = browser.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name


def test_htmx_may_not_evaluate(cast: Cast) -> None:
    page = cast.client(cast.owner).get("/t/blue/").content.decode()
    assert '"allowEval": false' in page
    assert '"allowScriptTags": false' in page


def test_pages_are_compressed_where_the_browser_takes_it_and_vary_by_it(cast: Cast) -> None:
    browser = cast.client(cast.owner)
    plain = browser.get("/t/blue/team/")
    packed = browser.get("/t/blue/team/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.content) * 3 < len(plain.content)
