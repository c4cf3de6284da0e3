"""Server-sent events from any pieces of bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.errors import InvalidResponseError
from sandboxcore.protocol.sse import MAX_MESSAGE, Message, MessageReader

STREAM = (
    "\ufeff: a comment\r\nretry: 1000\r\nid: 4\r\n\r\n"
    "id: 5\nevent: sandbox.ready\ndata: {\ndata:  é\ndata:}\n\n"
    "data\rid\r\r"
    "event: nothing\n\n"
    "unknown: 1\nid: 6\0\ndata: last: one\n\n"
)
MESSAGES = [Message("5", "sandbox.ready", "{\n é\n}"), Message("", "message", ""), Message("", "message", "last: one")]


def test_it_works() -> None:
    assert MessageReader().feed(b"id: 1\nevent: a\ndata: b\n\n") == [Message("1", "a", "b")]


@given(cuts=st.lists(st.integers(0, len(STREAM.encode())), max_size=12))
def test_where_it_is_cut_does_not_matter(cuts: list[int]) -> None:
    data = STREAM.encode()
    edges = [0, *sorted(cuts), len(data)]
    reader = MessageReader()
    found = [message for start, end in pairwise(edges) for message in reader.feed(data[start:end])]
    assert found == MESSAGES


def test_an_identifier_alone_is_remembered() -> None:
    reader = MessageReader()
    assert reader.feed(b"id: 7\n") == []
    assert reader.last_id == ""
    assert reader.feed(b"\ndata: x") == []
    assert reader.last_id == "7"
    assert reader.feed(b"\n\n") == [Message("7", "message", "x")]


@pytest.mark.parametrize("piece", [b"x" * 4096, b"data: " + b"x" * 4096 + b"\n"])
def test_a_message_without_an_end_is_refused(piece: bytes) -> None:
    reader = MessageReader()
    with pytest.raises(InvalidResponseError, match="no end"):
        for _ in range(MAX_MESSAGE // 4096 + 1):
            reader.feed(piece)


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert MessageReader().feed(b"data: \xff\n\n") == [Message("", "message", "\ufffd")]
