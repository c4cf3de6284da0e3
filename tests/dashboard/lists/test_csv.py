"""A list as a file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.lists.csv import written
from tests.dashboard.downloads import text_of
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/export.csv"


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(answer))))


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha", ttl_seconds=3600, created_at="2026-01-31T12:00:00+00:00")
    answer = cast.client(cast.viewer).get(URL)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="sandboxes-')
    (row,) = rows(answer)
    assert row["Name"] == "alpha"
    assert row["Created"] == "2026-01-31T12:00:00+00:00"
    assert row["Stops"] == "2026-01-31T13:00:00+00:00"


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_have_it(cast: Cast, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).get(URL)
    assert answer.status_code == status
    if status == 200:
        assert rows(answer) == []


def test_it_has_what_the_address_lets_through_in_its_order_over_all_pages(cast: Cast, fake: FakeApi) -> None:
    for number in range(120):
        fake.add_sandbox(f"box-{number:03}", status="failed" if number % 2 else "ready")
    found = rows(cast.client(cast.viewer).get(URL, {"status": "failed", "sort": "-name", "size": "25", "page": "2"}))
    assert [row["Name"] for row in found] == [f"box-{number:03}" for number in range(119, 0, -2)]


def test_a_selection_alone(cast: Cast, fake: FakeApi) -> None:
    for name in ("alpha", "beta", "gamma"):
        fake.add_sandbox(name)
    keys = json.dumps([["id-alpha", "alpha"], ["id-gamma", "gamma"]])
    found = rows(cast.client(cast.viewer).post(URL + "?sort=name", {"keys": keys}))
    assert [row["Name"] for row in found] == ["alpha", "gamma"]
    assert rows(cast.client(cast.viewer).post(URL, {"keys": "nonsense"})) == []


@pytest.mark.parametrize("text", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert written(text) == f"'{text}"


def test_values() -> None:
    moment = datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))
    assert written(moment) == "2026-01-31T12:00:00+00:00"
    assert written(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00+00:00"
    assert [written(each) for each in (None, -3, 1.5, True, "a\0b")] == ["", "-3", "1.5", "true", "ab"]


def test_a_failure_halfway_is_told_in_the_file(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = refusal(401, "Unauthorized", "the key was revoked on Tuesday")
    text = text_of(cast.client(cast.viewer).get(URL))
    assert text.splitlines()[-1].startswith("The list breaks off here: ")
    assert "he key was revoked on Tuesday" in text
