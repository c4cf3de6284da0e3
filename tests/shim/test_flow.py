"""Who holds back a pipe, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandboxcore.shim.flow import Pace
from sandboxcore.shim.limits import Limits

LIMITS = Limits(stall_seconds=5, linger_seconds=20)


@dataclass
class Place:
    origin: tuple[int, int] = (0, 0)
    cursors: list[int] = field(default_factory=lambda: [0, 0])
    moved_at: float = 0.0
    stalled: bool = False


def test_without_readers_nothing_is_held() -> None:
    assert Pace(LIMITS).protected([], 0, 0) is None


def test_the_most_advanced_reader_counts() -> None:
    readers = [Place(cursors=[10, 5]), Place(cursors=[30, 1])]
    assert Pace(LIMITS).protected(readers, 0, 0) == 30
    assert Pace(LIMITS).protected(readers, 1, 0) == 5


def test_a_reader_stalls_only_while_something_waits_for_it() -> None:
    pace, reader = Pace(LIMITS), Place(moved_at=0)
    pace.mark_stalled([reader], 100, 104.9)
    assert pace.protected([reader], 0, 104.9) == 0
    assert 0 < pace.next_check([reader], 100, 104.9) < 0.2
    pace.mark_stalled([reader], 100, 105)
    assert pace.protected([reader], 0, 105) is None


def test_a_stalled_reader_hands_over_to_the_next() -> None:
    pace = Pace(LIMITS)
    dead, slow = Place(cursors=[90, 0]), Place(cursors=[40, 0], moved_at=104)
    pace.mark_stalled([dead, slow], 100, 105)
    assert pace.protected([dead, slow], 0, 105) == 40


def test_vanished_readers_are_waited_for_once() -> None:
    pace, reader = Pace(LIMITS), Place(cursors=[50, 7])
    pace.vanished(reader, 100)
    assert (pace.protected([], 0, 119), pace.protected([], 1, 119)) == (50, 7)
    assert pace.next_check([], 100, 119) == 1
    assert pace.protected([], 0, 120) is None
    pace.vanished(Place(cursors=[60, 7]), 121)
    assert pace.protected([], 0, 121) is None


def test_a_client_that_got_further_is_waited_for_again() -> None:
    pace = Pace(LIMITS)
    pace.vanished(Place(cursors=[50, 7]), 100)
    pace.vanished(Place(origin=(20, 0), cursors=[90, 7]), 130)
    assert pace.protected([], 0, 131) == 90
    pace.vanished(Place(origin=(20, 0), cursors=[95, 7]), 160)
    assert pace.protected([], 0, 161) is None


def test_who_is_back_replaces_who_is_missed() -> None:
    pace = Pace(LIMITS)
    pace.vanished(Place(cursors=[50, 0]), 100)
    assert pace.protected([Place(cursors=[45, 0])], 0, 101) == 45
