"""What a recording says, without what draws it."""

from __future__ import annotations

import pytest

from dashboard.recordings.text import LONGEST, Line, Lines, found_in

CASES = [
    ("plain\r\n", ["plain"]),
    ("\x1b[1;31mred\x1b[0m and \x1b]0;title\x07plain\n", ["red and plain"]),
    ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ here\n", ["link here"]),
    ("10%\r20%\rdone\n", ["10%", "20%", "done"]),
    ("lss\x08\x1b[K -l\n", ["ls -l"]),
    ("\x1b[2J\x1b[1;1Hone\x1b[2;1Htwo\n", ["one", "two"]),
    ("a\tb\x07c\x00\n", ["a bc"]),
    ("漢字 👩‍👩‍👧\n", ["漢字 👩‍👩‍👧"]),
    ("\x1b(0lqk\x1b(B\x1b=\x1b7ok\n", ["lqkok"]),
]


def said(*pieces: str) -> list[str]:
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(1.0, piece)]
    return [line.text for line in [*found, *lines.end()]]


@pytest.mark.parametrize(("output", "expected"), CASES)
def test_it_works(output: str, expected: list[str]) -> None:
    assert said(output) == expected


@pytest.mark.parametrize("output", ["\x1b[1;31mred\x1b[0m\n", "\x1b]0;ti\x1b\\red\n"])
def test_an_escape_that_is_cut_anywhere_is_one(output: str) -> None:
    for cut in range(len(output)):
        assert said(output[:cut], output[cut:]) == ["red"], cut


def test_a_line_has_the_time_at_which_it_was_whole() -> None:
    lines = Lines()
    assert list(lines.feed(1, "half")) == []
    assert list(lines.feed(2.5, " whole\r\nnext")) == [Line(2.5, "half whole")]
    assert list(lines.end()) == [Line(2.5, "next")]


def test_lines_and_matches_are_bounded() -> None:
    assert [len(text) for text in said("x" * (2 * LONGEST + 1))] == [LONGEST, LONGEST, 1]
    found = found_in([Line(1, "a" * 500 + "Needle" + "b" * 500), Line(2, "no"), Line(3, "needle")], "nEEdle", 1)
    assert len(found) == 1
    assert len(found[0].text) == 166


def test_hostile_output_takes_no_time() -> None:
    assert said("a" * 50_000 + "\x08" * 50_000 + "\n")
    said("\x1b]" * 20_000, "\x1b[" * 20_000, "\x1b" * 20_000)
