"""Pieces of two streams come back in the order in which they came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.shim import journal
from sandboxcore.shim.journal import Journal


def replay(record: Journal) -> list[tuple[int, int]]:
    position, cursors, order = 0, [0, 0], []
    while (run := record.next_run(position, cursors)) is not None:
        position, stream, end = run
        order.append((stream, end - cursors[stream]))
        cursors[stream] = end
    return order


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), max_size=60))
def test_order_is_kept(pieces: list[tuple[int, int]]) -> None:
    record, ends, expected = Journal(), [0, 0], []
    for stream, size in pieces:
        ends[stream] += size
        record.add(stream, ends[stream])
        if expected and expected[-1][0] == stream:
            expected[-1] = (stream, expected[-1][1] + size)
        else:
            expected.append((stream, size))
    assert replay(record) == expected


def test_old_runs_are_forgotten_but_no_byte() -> None:
    record = Journal()
    for end in range(1, 3 * journal.CAPACITY):
        record.add(0, end)
        record.add(1, end)
    order = replay(record)
    assert len(order) <= 2 * journal.CAPACITY
    for stream in (0, 1):
        assert sum(size for kind, size in order if kind == stream) == 3 * journal.CAPACITY - 1


def test_a_reader_at_the_live_end_follows_a_growing_run() -> None:
    record = Journal()
    record.add(0, 5)
    assert record.next_run(0, [5, 0]) is None
    record.add(0, 9)
    assert record.next_run(0, [5, 0]) == (0, 0, 9)
