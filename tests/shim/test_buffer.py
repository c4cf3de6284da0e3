"""The ring against a model that simply keeps everything."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.shim import buffer
from sandboxcore.shim.buffer import Ring

PIECES = st.lists(st.text(alphabet="ab é漢🙂", max_size=30).map(str.encode), max_size=40)


def border(text: bytes, offset: int) -> int:
    while offset < len(text) and text[offset] & 0xC0 == 0x80:
        offset += 1
    return offset


def read_all(ring: Ring, offset: int, limit: int) -> tuple[int, bytes]:
    first, text = ring.read(offset, limit)
    gathered = bytearray(text)
    while text:
        bytes(text).decode("utf-8", "strict")
        assert len(text) <= limit
        place, text = ring.read(first + len(gathered), limit)
        assert place == first + len(gathered)
        gathered += text
    return first, bytes(gathered)


@pytest.fixture(params=[(16 * 1024, 64 * 1024), (8, 16), (3, 5)], ids=["real", "small", "tiny"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    large, block = request.param
    monkeypatch.setattr(buffer, "LARGE", large)
    monkeypatch.setattr(buffer, "BLOCK", block)


def check_against_model(pieces: list[bytes], capacity: int, limit: int) -> None:
    gone = bytearray()
    ring = Ring(capacity, gone.extend)
    whole = b""
    for piece in pieces:
        ring.append(piece)
        whole += piece
        assert ring.end == len(whole)
        assert len(ring) <= capacity
        assert ring.start == border(whole, max(0, len(whole) - capacity)) or ring.start > len(whole) - capacity
        assert bytes(gone) == whole[: ring.start]
        for offset in range(len(whole) + 2):
            true = min(max(border(whole, offset), ring.start), len(whole))
            assert ring.align(offset) == true
        assert read_all(ring, 0, limit) == (ring.start, whole[ring.start :])
    middle = len(whole) // 2
    first, text = read_all(ring, middle, limit)
    assert text == whole[first:]
    assert first == max(ring.start, border(whole, middle))


@given(pieces=PIECES, capacity=st.integers(4, 200), limit=st.integers(4, 50))
def test_any_history(pieces: list[bytes], capacity: int, limit: int) -> None:
    check_against_model(pieces, capacity, limit)


@pytest.mark.usefixtures("blocks")
def test_every_way_of_gathering_blocks() -> None:
    pieces = ["é漢🙂abc"[:n].encode() * m for n in range(1, 7) for m in (1, 2, 5)]
    for capacity in (4, 9, 33, 150):
        check_against_model(pieces, capacity, 7)


def test_text_that_was_read_stays_valid_when_it_is_evicted() -> None:
    ring = Ring(32 * 1024)
    ring.append(b"x" * 20 * 1024)
    _, text = ring.read(0, 1024)
    ring.append(b"y" * 32 * 1024)
    assert bytes(text) == b"x" * 1024
    assert ring.read(0, 4)[0] == 20 * 1024


def test_single_bytes_cost_about_a_byte() -> None:
    tracemalloc.start()
    try:
        ring = Ring(1 << 20)
        for _ in range(1 << 20):
            ring.append(b"k")
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ring) == 1 << 20
    assert current < 1.5 * (1 << 20)


def test_memory_is_bounded_and_freed() -> None:
    tracemalloc.start()
    try:
        ring = Ring(1 << 20)
        for _ in range(200):
            ring.append(b"z" * 100_000)
        current, _ = tracemalloc.get_traced_memory()
        assert current < 1.4 * (1 << 20)
        ring.evict_to(ring.end)
        current, _ = tracemalloc.get_traced_memory()
        assert current < 64 * 1024
    finally:
        tracemalloc.stop()
    assert ring.read(0, 10) == (20_000_000, b"")


def test_a_smaller_capacity_holds_from_the_next_append() -> None:
    ring = Ring(100)
    ring.append(b"a" * 100)
    ring.capacity = 10
    ring.append(b"b")
    assert read_all(ring, 0, 50) == (91, b"a" * 9 + b"b")
