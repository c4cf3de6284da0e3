"""Who is at a shell, who has the keyboard, whose terminal answers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from dashboard.terminals import shells
from dashboard.terminals.protocol import Size
from dashboard.terminals.shells import Shell, Shells

if TYPE_CHECKING:
    import pytest


class Here:
    """A page that notes what it is told."""

    def __init__(self, person: str, *, client: str = "", may_type: bool = True) -> None:
        self.person = self.name = person
        self.client = client or str(uuid4())
        self.may_type = may_type
        self.number = 0
        self.told: list[bool] = []
        self.sizes = self.looks = self.ends = self.doubts = 0

    def answer(self, on: bool, /) -> None:
        self.told.append(on)

    def look(self) -> None:
        self.looks += 1

    def seat_size(self) -> None:
        self.sizes += 1

    def replaced(self) -> None:
        self.ends += 1

    def doubt(self) -> None:
        self.doubts += 1


def test_it_works() -> None:
    shell, ann, bob = Shell(), Here("ann"), Here("bob")
    shell.enter(ann)
    shell.enter(bob)
    assert shell.holder is ann
    assert shell.types(ann)
    assert not shell.types(bob)
    shell.move(bob, bob.number)
    assert (shell.types(bob), shell.types(ann)) == (True, False)
    assert (ann.told, bob.told) == ([True, False], [True])
    assert bob.sizes == 1


def test_the_holder_hands_over_and_nobody_else_does() -> None:
    shell, ann, bob, eve = Shell(), Here("ann"), Here("bob"), Here("eve")
    for page in (ann, bob, eve):
        shell.enter(page)
    shell.move(eve, bob.number)
    assert shell.holder is ann
    shell.move(ann, bob.number)
    assert shell.holder is bob
    shell.move(bob, 99)
    assert shell.holder is bob


def test_who_may_only_look_never_has_the_keyboard_and_never_answers() -> None:
    shell, ann, viewer = Shell(), Here("ann"), Here("viewer", may_type=False)
    shell.enter(viewer)
    assert shell.holder is None
    assert not shell.types(viewer)
    shell.move(viewer, viewer.number)
    shell.enter(ann)
    shell.move(ann, viewer.number)
    assert shell.holder is ann
    assert viewer.told == []


def test_a_persons_newest_page_has_the_keyboard_and_typing_in_the_other_takes_it_back() -> None:
    shell, one, two = Shell(), Here("ann"), Here("ann")
    shell.enter(one)
    shell.enter(two)
    assert shell.answers(two)
    assert shell.types(one)
    assert shell.holder is one
    shell.leave(one)
    assert shell.holder is two


def test_a_keyboard_that_was_left_is_free_and_a_reload_finds_it() -> None:
    shell, ann, bob = Shell(), Here("ann"), Here("bob")
    shell.enter(ann)
    shell.enter(bob)
    shell.leave(ann)
    assert shell.holder is None
    assert shell.answers(bob), "somebody's terminal must answer"
    again = Here("ann")
    shell.enter(again)
    assert shell.holder is again
    shell.leave(again)
    assert shell.types(bob)
    assert shell.holder is bob


def test_another_connection_of_the_same_page_replaces_the_first() -> None:
    shell = Shell()
    old, new, guest = Here("ann", client="c"), Here("ann", client="c"), Here("eve", client="c")
    for page in (old, new, guest):
        shell.enter(page)
    assert (old.ends, new.ends, guest.ends) == (1, 0, 0)


def test_everybody_hears_of_a_size_once() -> None:
    shell, ann, bob = Shell(), Here("ann"), Here("bob")
    shell.enter(ann)
    shell.enter(bob)
    looks = bob.looks
    shell.resized(Size(24, 80))
    shell.resized(Size(24, 80))
    assert bob.looks == looks + 1


def test_shells_are_remembered_up_to_a_number_and_those_in_use_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "MAX_SHELLS", 2)
    all_shells = Shells()
    ids = [uuid4() for _ in range(4)]
    first, known = all_shells.get(ids[0])
    assert not known
    first.enter(Here("ann"))
    for each in ids[1:]:
        all_shells.get(each)
    assert all_shells.get(ids[0]) == (first, True)
    assert all_shells.get(ids[1])[1] is False
