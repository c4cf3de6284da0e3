"""The size of a pool that real creates ask for, against a naive model that goes from moment to moment."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxcore.server.services.sizing import MOST_REPLICAS, busiest, suffices, suggest

WINDOW = "the last hour"
ARRIVALS = st.lists(st.integers(0, 60).map(float), max_size=30).map(sorted)


def test_it_works() -> None:
    found = suggest([0.0, 0.1, 0.2, 9.0], 1.0, window=WINDOW)
    assert found.replicas == 3
    assert found.because == (
        "with 3 warm each of the 4 creates in the last hour would have found one: "
        "up to 3 creates came while one start lasted (a start takes 1.0 s)"
    )


@pytest.mark.parametrize(
    ("arrivals", "seconds", "replicas", "words"),
    [
        ([], 1.0, None, "nothing was created from the template in the last hour"),
        ([5.0], 0.024, 1, "the one create in the last hour would have found one: one create at a time came"),
        ([5.0], None, 1, "a start is assumed to take 1.0 s"),
        ([0.0, 10.0, 20.0], 0.024, 1, "(a start takes 24 ms)"),
        ([0.0] * 100, 1.0, 100, "up to 100 creates came while one start lasted"),
        ([0.0] * 101, 1.0, MOST_REPLICAS, "even 100 would not have been enough"),
        ([number / 10 for number in range(60)], 2.0, 52, "lasted, and at most 4 start at a time ("),
        ([0.0, 0.0], 0.0, 2, "a start is assumed"),
    ],
)
def test_sizes(arrivals: list[float], seconds: float | None, replicas: int | None, words: str) -> None:
    found = suggest(arrivals, seconds, window=WINDOW)
    assert found.replicas == replicas
    assert words in found.because


@settings(max_examples=150, deadline=None)
@given(ARRIVALS, st.integers(1, 12), st.integers(1, 7), st.integers(1, 4))
def test_playing_again_agrees_with_going_second_by_second(
    arrivals: list[float], size: int, seconds: int, at_a_time: int
) -> None:
    """A start that is over at a moment is there for a create of that moment."""
    warm, waiting, left = size, 0, list[int]()
    enough = True
    for moment in range(61):
        left = [each - 1 for each in left]
        warm += left.count(0)
        left = [each for each in left if each]
        while waiting and len(left) < at_a_time:
            waiting -= 1
            left.append(seconds)
        for _ in range(arrivals.count(float(moment))):
            enough = enough and warm > 0
            warm -= 1
            if len(left) < at_a_time:
                left.append(seconds)
            else:
                waiting += 1
    assert suffices(arrivals, size, seconds, at_a_time=at_a_time) == enough


@settings(max_examples=100, deadline=None)
@given(ARRIVALS.filter(bool), st.floats(0.1, 20))
def test_one_less_would_not_have_been_enough(arrivals: list[float], seconds: float) -> None:
    found = suggest(arrivals, seconds, window=WINDOW).replicas
    assert found is not None
    assert suffices(arrivals, found, seconds)
    assert found == 1 or not suffices(arrivals, found - 1, seconds)
    assert found >= min(arrivals.count(arrivals[0]), MOST_REPLICAS)


@given(ARRIVALS, st.integers(0, 10))
def test_the_busiest_time(arrivals: list[float], seconds: int) -> None:
    windows = [sum(start <= each <= start + seconds for each in arrivals) for start in arrivals]
    assert busiest(arrivals, seconds) == max(windows, default=0)
