"""The pages for what is refused or fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest, PermissionDenied
from django.test import RequestFactory

from dashboard import errors
from dashboard.resources.views import overview

if TYPE_CHECKING:
    import pytest

    from tests.dashboard.conftest import Cast


def test_an_unknown_page(cast: Cast) -> None:
    answer = cast.client(cast.owner).get("/nowhere/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_team_of_others_looks_like_none(cast: Cast) -> None:
    browser = cast.client(cast.outsider)
    theirs, none = browser.get("/t/blue/"), browser.get("/t/nowhere/")
    assert theirs.status_code == none.status_code == 404
    assert theirs.content == none.content


def test_a_fault_of_the_console(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a secret in a message")

    monkeypatch.setattr(overview, "ask", fail)
    browser = cast.client(cast.owner, raise_request_exception=False)
    answer = browser.get("/t/blue/")
    assert answer.status_code == 500
    assert "The console has failed" in answer.content.decode()
    assert "a secret in a message" not in answer.content.decode()


def test_the_others_can_be_read() -> None:
    request = RequestFactory().get("/")
    assert "cannot be understood" in errors.bad_request(request, BadRequest()).content.decode()
    refused = errors.forbidden(request, PermissionDenied("because <b>so</b>"))
    assert "because &lt;b&gt;so" in refused.content.decode()
