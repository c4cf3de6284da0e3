"""Raw bytes become the same text however they are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.shim.text import TextDecoder

SAMPLES = [
    b"plain",
    "é ü ß".encode(),
    "漢字かな交じり".encode(),
    "👩‍👩‍👧 🇩🇪 🙂".encode(),
    b"\xff\xfe ok \x80",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xed\xa0\x80 surrogate",
    b"\xc0\xaf overlong",
    b"\xf4\x90\x80\x80 beyond the last plane",
    "mixed 漢 ".encode() + b"\xe6\xbc" + b"x" + "🙂".encode()[:3],
]


def decode(*pieces: bytes) -> bytes:
    decoder = TextDecoder()
    return b"".join([*(decoder.feed(piece) for piece in pieces), decoder.finish()])


def test_every_sample_cut_at_every_position() -> None:
    for sample in SAMPLES:
        expected = sample.decode("utf-8", "replace").encode()
        for cut in range(len(sample) + 1):
            for again in range(cut, len(sample) + 1):
                assert decode(sample[:cut], sample[cut:again], sample[again:]) == expected


def test_byte_by_byte_each_piece_is_whole_code_points() -> None:
    for sample in SAMPLES:
        decoder = TextDecoder()
        for position in range(len(sample)):
            decoder.feed(sample[position : position + 1]).decode("utf-8", "strict")
        decoder.finish().decode("utf-8", "strict")


def test_valid_text_is_passed_on_as_it_is() -> None:
    data = "nothing to mend ✓".encode()
    assert TextDecoder().feed(data) is data


def test_at_most_three_bytes_are_held_back() -> None:
    decoder = TextDecoder()
    assert decoder.feed(b"abc\xf0\x9f\x99") == b"abc"
    assert decoder.feed(b"\x82") == "🙂".encode()
    assert decoder.finish() == b""


@given(st.lists(st.binary(max_size=12), max_size=12))
def test_any_bytes_in_any_pieces(pieces: list[bytes]) -> None:
    assert decode(*pieces) == b"".join(pieces).decode("utf-8", "replace").encode()


@given(st.text(), st.integers(min_value=1, max_value=7))
def test_text_survives_any_step(text: str, step: int) -> None:
    data = text.encode("utf-8", "replace")
    assert decode(*(data[i : i + step] for i in range(0, len(data), step))) == data
