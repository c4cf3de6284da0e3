"""Quantities, read to be echoed and summed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.quantities import QuantityError, parse_bytes, parse_cpu, tell_bytes, tell_cpu
from sandboxcore.server import quantity


@pytest.mark.parametrize(
    ("text", "millis", "told"),
    [("500m", 500, "0.5 cores"), ("1", 1000, "1 core"), ("1.5", 1500, "1.5 cores"), ("0.1m", 1, "0.001 cores")],
)
def test_it_works(text: str, millis: int, told: str) -> None:
    assert parse_cpu(text) == millis
    assert tell_cpu(millis) == told


@pytest.mark.parametrize(
    ("text", "size", "told"),
    [
        ("512", 512, "512 bytes"),
        ("512Mi", 2**29, "512 MiB"),
        ("1536Mi", 3 * 2**29, "1.5 GiB"),
        ("1G", 10**9, "953.67 MiB"),
        ("1e3", 1000, "1,000 bytes"),
    ],
)
def test_sizes_are_told_in_the_largest_unit_that_they_fill(text: str, size: int, told: str) -> None:
    assert parse_bytes(text) == size
    assert tell_bytes(size) == told


@pytest.mark.parametrize("text", ["", "potatoes", "-1", "0", "1 Gi", "1GiB", "٣", "1e999", "9" * 40, "1\n2"])
def test_what_is_no_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_bytes(text)


@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,3})?(m|k|M|G|Ki|Mi|Gi|e[0-9])?", fullmatch=True))
def test_the_server_reads_the_same(text: str) -> None:
    try:
        own = parse_bytes(text)
    except QuantityError:
        return
    assert own == quantity.parse_bytes(text)
