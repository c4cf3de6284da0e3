"""Cells: nothing that a row says is markup, and nothing hides."""

from __future__ import annotations

import pytest

from dashboard.lists import cells


def test_it_works() -> None:
    assert cells.text("alpha") == '<bdi class="text-break">alpha</bdi>'
    assert cells.text(None) == cells.text("") == "—"
    assert cells.number(12345) == "12,345"


@pytest.mark.parametrize("show", [cells.text, cells.code, cells.state])
def test_markup_is_escaped(show: object) -> None:
    drawn = str(show("<script>alert(1)</script>'\""))  # type: ignore[operator]
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_what_cannot_be_seen_is_shown() -> None:
    assert cells.visible("a\x1b[31mb\u202ec\u200bd\x9b") == "a⟨001B⟩[31mb⟨202E⟩c⟨200B⟩d⟨009B⟩"
    assert cells.visible("مرحبا") == "مرحبا"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (64 * 2**20, "64 MiB"), (2**50, "1024 TiB"), (None, "—")],
)
def test_sizes(count: int | None, shown: str) -> None:
    assert cells.size(count) == shown


def test_a_meter_is_bounded_and_says_both_numbers() -> None:
    drawn = str(cells.meter(900, 600, "0.90 of 0.60", "CPU"))
    assert 'value="1.000"' in drawn
    assert "0.90 of 0.60" in drawn
    assert cells.meter(None, 600, "", "CPU") == "—"
    assert "<meter" not in str(cells.meter(5, None, "5 B", "Memory"))
