"""The API's errors as something to show."""

from __future__ import annotations

from dashboard.teams.problems import problem_of
from sandboxcore import errors


def test_it_works() -> None:
    details = [
        {"loc": ["body", "resources", "cpu"], "msg": "not a quantity"},
        {"loc": ["body", "name"], "msg": "too long"},
    ]
    problem = problem_of(errors.ValidationError("not a quantity; too long", details=details))
    assert problem.fields == {"cpu": ["not a quantity"], "name": ["too long"]}
    assert problem.status == 422


def test_a_refusal_without_details_but_with_a_field() -> None:
    assert problem_of(errors.ValidationError("no", field="body.image")).fields == {"image": ["no"]}
    assert problem_of(errors.ValidationError("no")).fields == {}


def test_a_detail_without_a_place_is_no_failure() -> None:
    problem = problem_of(errors.ValidationError("no", details=[{"loc": [], "msg": "no"}, {}]))
    assert problem.message == "no"


def test_an_error_without_words_is_named() -> None:
    assert problem_of(errors.SandboxClientError()).message == "SandboxClientError"


def test_only_what_can_be_mended_has_a_remedy() -> None:
    assert "server runs" in problem_of(errors.SandboxConnectionError("refused")).remedy
    assert "bootstrap" in problem_of(errors.SandboxAuthenticationError("no")).remedy
    assert problem_of(errors.QuotaExceededError("cpu")).remedy == ""
