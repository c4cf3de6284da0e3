"""The dialog that asks: what is typed, and where it leads back to."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from dashboard.confirm import Users, mistyped, next_of


@pytest.mark.parametrize(("typed", "right"), [("data", True), (" data ", True), ("Data", False), ("", False)])
def test_it_works(typed: str, right: bool) -> None:
    request = RequestFactory().post("/", {"typed": typed})
    assert (mistyped(request, "data") == "") is right


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/t/blue/sandboxes/new?template=a", "/t/blue/sandboxes/new?template=a"),
        ("//evil.test/", ""),
        ("https://evil.test/", ""),
        ("javascript:alert(1)", ""),
        ("/\\evil.test", ""),
        ("", ""),
    ],
)
def test_it_leads_nowhere_but_into_the_console(target: str, found: str) -> None:
    assert next_of(RequestFactory().get("/", {"next": target})) == found
    assert next_of(RequestFactory().post("/", {"next": target})) == found


def test_users_that_are_not_named_are_counted() -> None:
    assert Users("Sandboxes", [("a", ""), ("b", "")], 5).more == 3
    assert Users("Sandboxes", [("a", "")]).more == 0
