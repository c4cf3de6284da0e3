from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.server.quantity import (
    QuantityError,
    bounded,
    parse,
    parse_bytes,
    parse_millis,
    show_bytes,
    show_millis,
)

BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("2", 2),
        ("1.5", Fraction(3, 2)),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("500m", Fraction(1, 2)),
        ("100u", Fraction(1, 10_000)),
        ("7n", Fraction(7, 10**9)),
        ("1k", 1000),
        ("1Ki", 1024),
        ("512Mi", 512 * 2**20),
        ("1Gi", 2**30),
        ("1.5Gi", 3 * 2**29),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Fraction(12, 10)),
    ],
)
def test_it_reads_what_kubernetes_reads(text: str, value: Fraction | int) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1 Gi", "Gi", "-1", "+1", "1gi", "1KI", "1mi", "1Kib", "1e", "1e3Gi", "1..5", "1.5.5", "0x10"),
        *("NaN", "inf", "1_000", "\u0661", "1Gi\n", "1e999", "9" * 40, "100Ei", "1e40"),
    ],
)
def test_it_refuses_all_else(text: str) -> None:
    with pytest.raises(QuantityError):
        parse(text)


def test_parts_of_a_unit_are_rounded_up() -> None:
    assert parse_millis("0.0001") == 1
    assert parse_millis("1500u") == 2
    assert parse_bytes("1500m") == 2


@given(st.integers(0, 8000), st.sampled_from(sorted(BINARY.items()) + sorted(DECIMAL.items())))
def test_a_suffix_multiplies(number: int, unit: tuple[str, int]) -> None:
    suffix, factor = unit
    if number * factor < 2**63:
        assert parse_bytes(f"{number}{suffix}") == number * factor


@given(st.decimals(0, 10**6, places=3))
def test_millis_are_exact(number: object) -> None:
    assert parse_millis(str(number)) == Fraction(str(number)) * 1000


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_clear_refusal(text: str) -> None:
    try:
        assert parse(text) >= 0
    except QuantityError as error:
        assert str(error)  # either way is right


def test_bounds_name_the_bound() -> None:
    assert bounded(5, "5", least=(1, "1"), most=(9, "9")) == 5
    with pytest.raises(QuantityError, match="below the least, 1"):
        bounded(0, "0", least=(1, "1"), most=(9, "9"))
    with pytest.raises(QuantityError, match="above the most, 9"):
        bounded(10, "10", least=(1, "1"), most=(9, "9"))


@pytest.mark.parametrize(("millis", "shown"), [(0, "0"), (500, "0.5"), (2749, "2.749"), (4000, "4"), (100_000, "100")])
def test_cores_are_shown_exactly(millis: int, shown: str) -> None:
    assert show_millis(millis) == shown


SIZES = [(0, "0"), (1023, "1023"), (512 << 20, "512Mi"), (1 << 30, "1Gi"), (3 << 29, "1.5Gi"), (2**63 - 1, "8Ei")]


@pytest.mark.parametrize(("size", "shown"), SIZES)
def test_sizes_are_shown_in_the_largest_unit(size: int, shown: str) -> None:
    assert show_bytes(size) == shown
