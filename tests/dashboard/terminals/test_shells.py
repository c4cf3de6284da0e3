"""What is remembered of shells, and for how many."""

from __future__ import annotations

from uuid import uuid4

import pytest

from dashboard.terminals import shells
from dashboard.terminals.shells import MissingInputError, Shell, Shells, Typing


class Here:
    """A page that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def answer(self, on: bool, /) -> None:
        self.told.append(on)


async def nothing(data: bytes) -> None:
    raise AssertionError(f"wrote {data!r}")


async def test_a_failed_write_is_not_taken() -> None:
    typing = Typing(0)

    async def fail(_: bytes) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await typing.deliver(0, b"abc", fail)
    assert typing.taken == 0


async def test_what_was_taken_is_not_written_again() -> None:
    typing = Typing(10)
    assert await typing.deliver(4, b"abc", nothing) == 10
    assert await typing.deliver(7, b"abc", nothing) == 10


async def test_a_hole_is_refused() -> None:
    with pytest.raises(MissingInputError):
        await Typing(10).deliver(11, b"abc", nothing)


def test_pages_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "MAX_CLIENTS", 2)
    shell = Shell()
    for client in ("a", "b", "a", "c"):
        shell.typing(client)
    assert [shell.known(client) for client in ("a", "b", "c")] == [True, False, True]


def test_shells_are_remembered_up_to_a_number_and_those_in_use_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "MAX_SHELLS", 2)
    all_shells = Shells()
    ids = [uuid4() for _ in range(4)]
    first, known = all_shells.get(ids[0])
    assert not known
    first.enter(Here())
    for each in ids[1:]:
        all_shells.get(each)
    assert all_shells.get(ids[0]) == (first, True)
    assert all_shells.get(ids[1])[1] is False


def test_the_last_to_come_answers_and_the_one_before_takes_over() -> None:
    shell, one, two = Shell(), Here(), Here()
    shell.enter(one)
    shell.enter(two)
    assert shell.answers(two)
    shell.leave(two)
    assert shell.answers(one)
    assert (one.told, two.told) == ([True, False, True], [True])


def test_a_page_that_did_not_answer_leaves_quietly() -> None:
    shell, one, two = Shell(), Here(), Here()
    shell.enter(one)
    shell.enter(two)
    shell.leave(one)
    assert shell.answers(two)
    assert two.told == [True]
