"""Terminal modes are followed however the output is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.shim.modes import Modes

CASES = [
    ("\x1b[?1049h", [1049]),
    ("\x1b[?1049h text \x1b[?1049l", []),
    ("\x1b[?47h\x1b[?1049h", [1049]),
    ("\x1b[?25l", [-25]),
    ("\x1b[?25l\x1b[?25h", []),
    ("\x1b[?1;2004h", [1, 2004]),
    ("\x1b[?1000h\x1b[?1002h\x1b[?1006h", [1002, 1006]),
    ("\x1b[?1003h\x1b[?1003l", []),
    ("\x1b=", [66]),
    ("\x1b=\x1b>", []),
    ("\x1b[?1049h\x1b[?25l\x1bc", []),
    ("\x1b[?1h\x1b[?25l\x1b[?1049h\x1b[!p", [1049]),
    ("\x1b[?9999999999h\x1b[?12h\x1b[?;h", []),
    ("\x1b]0;title\x07\x1b[?2004h$ ", [2004]),
    ("\x1b[31mred\x1b[0m \x1b[?7l", [-7]),
    ("漢\x1b[?2004h字", [2004]),
    ("\x1b\x1b[?1004h", [1004]),
]


def fed(*pieces: bytes) -> Modes:
    modes = Modes()
    for piece in pieces:
        modes.feed(piece)
    return modes


@pytest.mark.parametrize(("output", "expected"), CASES)
def test_cut_at_every_position(output: str, expected: list[int]) -> None:
    data = output.encode()
    for cut in range(len(data) + 1):
        for again in range(cut, len(data) + 1):
            assert fed(data[:cut], data[cut:again], data[again:]).names() == expected


@pytest.mark.parametrize(("output", "expected"), CASES)
def test_the_sequence_restores_them(output: str, expected: list[int]) -> None:
    data = output.encode()
    for cut in range(len(data) + 1):
        early = fed(data[:cut])
        assert fed(early.sequence().encode(), data[cut:]).names() == expected


def test_the_screen_is_switched_before_anything_else() -> None:
    modes = fed(b"\x1b[?25l\x1b[?2004h\x1b[?1049h")
    assert modes.sequence().startswith("\x1b[?1049h")
    assert modes.alternate_screen


def test_an_unfinished_sequence_ends_the_restoring_text() -> None:
    assert fed(b"red \x1b[38;5;1").sequence() == "\x1b[38;5;1"


def test_a_copy_goes_its_own_way() -> None:
    modes = fed(b"\x1b[?25l\x1b[?20")
    twin = modes.copy()
    twin.feed(b"04h")
    assert (modes.names(), twin.names()) == ([-25], [-25, 2004])


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_rubbish_is_tolerated(pieces: list[bytes]) -> None:
    once = fed(b"".join(pieces))
    assert len(fed(*pieces).sequence()) < 1000
    assert len(once.sequence()) < 1000


@given(
    st.lists(st.sampled_from(["\x1b", "[", "?", "1049", "25", ";", "h", "l", "c", "x", "=", "!p"]), max_size=25),
    st.data(),
)
def test_pieces_make_no_difference(tokens: list[str], data: st.DataObject) -> None:
    whole = "".join(tokens).encode()
    cut = data.draw(st.integers(0, len(whole)))
    assert fed(whole[:cut], whole[cut:]).names() == fed(whole).names()
