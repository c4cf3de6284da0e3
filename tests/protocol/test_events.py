"""Where following events goes on, and when it gives up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandboxcore.errors import InvalidResponseError
from sandboxcore.protocol.events import DELAYS, FIRST_DELAYS, Following


def frame(number: int, kind: str = "sandbox.ready", **fields: Any) -> bytes:
    """An event as the server sends it."""
    body = {"number": number, "type": kind, "subject": {"kind": "sandbox", "id": "i", "name": "n"}, **fields}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(body)}\n\n".encode()


def numbers(following: Following, data: bytes) -> list[int]:
    return [event.number for event in following.receive(data)]


def test_it_works() -> None:
    following = Following(3)
    assert following.connect() == {"after": "3"}
    assert numbers(following, b": events\nid: 3\n\n" + frame(4) + frame(5)) == [4, 5]
    assert following.connect() == {"after": "5"}
    assert following.position == 5


def test_from_now_on_means_from_where_the_server_says() -> None:
    following = Following(None)
    assert following.connect() == {}
    assert numbers(following, b": events\nid: 12\n\n") == []
    assert following.connect() == {"after": "12"}
    assert numbers(following, frame(13)) == [13]


def test_what_is_known_is_not_told_again() -> None:
    following = Following(0)
    following.connect()
    assert numbers(following, frame(1) + frame(2) + frame(2) + frame(1) + frame(3)) == [1, 2, 3]


def test_an_event_that_was_cut_is_forgotten_with_its_connection() -> None:
    following = Following(0)
    following.connect()
    assert numbers(following, frame(1) + frame(2)[:-3]) == [1]
    assert following.connect() == {"after": "1"}
    assert numbers(following, frame(2)) == [2]


def test_a_reset_is_told_and_moves_on() -> None:
    following = Following(3)
    following.connect()
    (event,) = following.receive(b'id: 40\nevent: reset\ndata: {"oldest": 20, "newest": 40}\n\n')
    assert event.is_reset
    assert event.data == {"oldest": 20, "newest": 40}
    assert following.connect() == {"after": "40"}
    assert numbers(following, frame(30) + frame(41)) == [41]


def test_giving_up_comes_sooner_before_the_stream_was_ever_reached() -> None:
    following = Following(None)
    assert [following.lost() for _ in range(4)] == [*FIRST_DELAYS, None]
    following = Following(None)
    following.receive(b"id: 1\n\n")
    assert [following.lost() for _ in range(len(DELAYS) + 1)] == [*DELAYS, None]
    following.receive(frame(2))
    assert following.lost() == DELAYS[0]


def test_a_server_that_restarts_is_tried_at_once() -> None:
    following = Following(1)
    following.connect()
    assert following.receive(b'id: 1\n\nevent: farewell\ndata: {"reason": "restarting", "message": "x"}\n\n') == []
    assert following.lost() == 0
    assert following.lost() == DELAYS[0]
    following.receive(b'id: 1\n\nevent: farewell\ndata: {"reason": "key_ended", "message": "x"}\n\n')
    assert following.lost() == DELAYS[0]


@pytest.mark.parametrize(
    "data",
    [
        b"id: 1\nevent: a\ndata: no json\n\n",
        b"id: 1\nevent: a\ndata: []\n\n",
        b'id: 1\nevent: a\ndata: {"type": "a"}\n\n',
        b'id: 1\nevent: a\ndata: {"number": 1}\n\n',
        b'id: 1\nevent: a\ndata: {"number": 1, "type": "a", "subject": []}\n\n',
        b'id: x\nevent: reset\ndata: {"oldest": 1}\n\n',
        b"id: \xc2\xb2\n\n",
    ],
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    following = Following(None)
    following.connect()
    with pytest.raises(InvalidResponseError):
        following.receive(data)
