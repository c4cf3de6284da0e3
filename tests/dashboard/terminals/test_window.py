"""The window of output on its way."""

from __future__ import annotations

import asyncio

import pytest

from dashboard.terminals.window import OutputWindow


def has_room(window: OutputWindow) -> bool:
    """Whether ``room`` would return at once."""
    waiting = window.room()
    try:
        waiting.send(None)
    except StopIteration:
        return True
    finally:
        waiting.close()
    return False


async def test_it_fills_and_empties() -> None:
    window = OutputWindow(100, 10)
    window.send(109)
    assert has_room(window)
    window.send(110)
    assert not has_room(window)
    window.take(101)
    assert has_room(window)


async def test_waiting_ends_when_there_is_room() -> None:
    window = OutputWindow(0, 10)
    window.send(10)
    waiting = asyncio.ensure_future(window.room())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    window.take(5)
    async with asyncio.timeout(5):
        await waiting


@pytest.mark.parametrize("claim", [11, 2**53])
async def test_what_was_not_sent_cannot_be_taken(claim: int) -> None:
    window = OutputWindow(0, 10)
    window.send(10)
    window.take(claim)
    assert (window.sent, window.taken) == (10, 10)


async def test_taking_never_goes_back() -> None:
    window = OutputWindow(0, 10)
    window.send(10)
    window.take(8)
    window.take(3)
    assert window.taken == 8


async def test_a_gap_is_not_on_its_way() -> None:
    window = OutputWindow(0, 10)
    window.send(6)
    window.skip(1_000_000)
    assert window.sent - window.taken == 6
    assert has_room(window)
    window.send(1_000_004)
    assert not has_room(window)
    window.take(1_000_000)
    assert has_room(window)


async def test_a_gap_before_what_was_sent_changes_nothing() -> None:
    window = OutputWindow(50, 10)
    window.send(55)
    window.skip(20)
    assert (window.sent, window.taken) == (55, 50)
