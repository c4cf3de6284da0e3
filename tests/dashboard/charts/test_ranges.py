"""What the address of a chart's data asks for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import RequestFactory

from dashboard.charts.ranges import RANGES, range_of, window_of


def test_it_works() -> None:
    request = RequestFactory().get("/", {"range": "6h"})
    chosen = range_of(request, "1h")
    window = window_of(request, chosen)
    assert (chosen.key, window.step) == ("6h", 60)
    assert window.end - window.start == timedelta(hours=6)


@pytest.mark.parametrize("word", ["", "7h", "6h ", "9" * 5000])
def test_any_other_word_is_the_default(word: str) -> None:
    assert range_of(RequestFactory().get("/", {"range": word}), "15m").key == "15m"


def test_no_range_asks_for_more_points_than_a_chart_can_show() -> None:
    assert all(each.seconds / each.step <= 400 for each in RANGES)


def test_later_questions_ask_for_what_came_since() -> None:
    chosen = range_of(RequestFactory().get("/"), "1h")
    whole = window_of(RequestFactory().get("/"), chosen)
    after = whole.end.timestamp() - 30
    window = window_of(RequestFactory().get("/", {"after": str(after)}), chosen)
    assert window.start.timestamp() == pytest.approx(after)


@pytest.mark.parametrize("after", ["soon", "nan", "inf", "-1e300", "1e300", "0", "-5"])
def test_what_is_no_moment_of_the_range_asks_for_all_of_it(after: str) -> None:
    chosen = range_of(RequestFactory().get("/"), "1h")
    window = window_of(RequestFactory().get("/", {"after": after}), chosen)
    assert window.end - window.start == timedelta(hours=1)


def test_what_has_ended_is_asked_for_until_then() -> None:
    chosen = range_of(RequestFactory().get("/"), "1h")
    window = window_of(RequestFactory().get("/", {"until": "1769817600", "after": "1769817500"}), chosen)
    assert (window.end.timestamp(), window.over) == (1769817600, True)
    assert window.end - window.start == timedelta(hours=1)


@pytest.mark.parametrize("until", ["", "nan", "-1", "0", "10", "1e300", "4000000000"])
def test_an_end_that_is_none_is_now(until: str) -> None:
    chosen = range_of(RequestFactory().get("/"), "1h")
    window = window_of(RequestFactory().get("/", {"until": until}), chosen)
    assert not window.over
    assert window.end - window.start == timedelta(hours=1)


def test_a_moment_to_come_asks_for_nothing_that_is_not_there() -> None:
    chosen = range_of(RequestFactory().get("/"), "1h")
    window = window_of(RequestFactory().get("/", {"after": "4000000000"}), chosen)
    assert window.start < window.end
