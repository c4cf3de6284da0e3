# Generated from tests/client/_async/test_events.py by tools/unasync.py: change that file, then run this tool.
"""The stream of events of an synchronous client, over connections that break."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    ExtensionUnsupportedError,
    InvalidResponseError,
    QuotaExceededError,
    SandboxAuthenticationError,
    SandboxConnectionError,
)
from tests.client.fake import DROP, Answer

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.client.fake import FakeServer

STREAM = "/events/stream"
KIND = {"content-type": "text/event-stream; charset=utf-8"}


def stream(*numbers: int, begin: int | None = None, end: str = "") -> Answer:
    """A connection that brings these events and ends."""
    text = "" if begin is None else f": events\nid: {begin}\n\n"
    for number in numbers:
        body: dict[str, Any] = {"number": number, "type": "sandbox.ready", "at": "now", "actor": "Ann"}
        body |= {"subject": {"kind": "sandbox", "id": "i", "name": "box"}, "data": {"number": number}}
        text += f"id: {number}\nevent: sandbox.ready\ndata: {json.dumps(body)}\n\n"
    return Answer(body=(text + end).encode(), headers=KIND)


def afters(server: FakeServer) -> list[str | None]:
    """Where each connection began."""
    return [seen.query.get("after", [None])[0] for seen in server.requests("GET", STREAM)]


def test_events_come_once_and_in_order_over_any_number_of_connections(
    sync_client: SandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, stream(4, 5, begin=3), DROP, Answer(503), stream(5, 6, begin=5), stream(7, begin=6))
    found = []
    with sync_client.events(after=3) as events:
        for event in events:
            found.append(event)
            if event.number == 7:
                break
    assert [event.number for event in found] == [4, 5, 6, 7]
    assert afters(server) == ["3", "5", "5", "5", "6"]
    assert pauses == [0.5, 1.0, 2.0, 0.5]
    first = found[0]
    assert (first.type, first.actor, first.at, first.data) == ("sandbox.ready", "Ann", "now", {"number": 4})
    assert (first.subject_kind, first.subject_id, first.subject_name) == ("sandbox", "i", "box")
    assert not first.is_reset


def test_from_now_on_goes_on_from_there(sync_client: SandboxClient, server: FakeServer, pauses: list[float]) -> None:
    server.on("GET", STREAM, stream(begin=8), stream(9, begin=8))
    with sync_client.events() as events:
        assert (next(events)).number == 9
    assert afters(server) == [None, "8"]
    assert pauses == [0.5]


def test_a_server_that_restarts_is_met_again_at_once(
    sync_client: SandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    farewell = 'event: farewell\ndata: {"reason": "restarting", "message": "x"}\n\n'
    server.on("GET", STREAM, stream(begin=1, end=farewell), stream(2, begin=1))
    with sync_client.events(after=1) as events:
        assert (next(events)).number == 2
    assert pauses == [0]


def test_events_that_are_lost_are_told(sync_client: SandboxClient, server: FakeServer) -> None:
    reset = 'id: 40\nevent: reset\ndata: {"oldest": 20, "newest": 40}\n\n'
    server.on("GET", STREAM, stream(begin=1, end=reset))
    with sync_client.events(after=1) as events:
        event = next(events)
    assert event.is_reset
    assert event.data == {"oldest": 20, "newest": 40}


def test_a_key_that_ends_ends_the_stream(sync_client: SandboxClient, server: FakeServer, pauses: list[float]) -> None:
    farewell = 'event: farewell\ndata: {"reason": "key_ended", "message": "x"}\n\n'
    refused = Answer(401, {"detail": {"error": "Unauthorized", "message": "this API key is revoked"}})
    server.on("GET", STREAM, stream(begin=1, end=farewell), refused)
    with sync_client.events(after=1) as events:
        with pytest.raises(SandboxAuthenticationError, match="revoked"):
            next(events)
    assert pauses == [0.5]


def test_a_server_that_is_away_for_long_is_given_up(
    sync_client: SandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, stream(2, begin=1), DROP)
    with sync_client.events(after=1) as events:
        assert (next(events)).number == 2
        with pytest.raises(SandboxConnectionError):
            next(events)
    assert sum(pauses) > 100


def test_a_stream_that_only_ends_is_given_up_too(
    sync_client: SandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, Answer(body=b"", headers=KIND))
    with sync_client.events() as events:
        with pytest.raises(SandboxConnectionError, match="lost"):
            next(events)
    assert pauses == [0.5, 1.0, 2.0]


def test_too_many_streams_are_refused_at_first_and_waited_for_later(
    sync_client: SandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    full = Answer(429, {"detail": {"error": "TooManyRequests", "message": "has 8 requests open already"}})
    server.on("GET", STREAM, full, stream(2, begin=1), full, stream(3, begin=2))
    with sync_client.events(after=1) as events:
        with pytest.raises(QuotaExceededError):
            next(events)
        assert [(next(events)).number for _ in range(2)] == [2, 3]
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_events_is_named(sync_client: SandboxClient, server: FakeServer, status: int) -> None:
    server.on("GET", STREAM, Answer(status, {"detail": "Not Found"}))
    with sync_client.events() as events:
        with pytest.raises(ExtensionUnsupportedError, match="the server has no events") as caught:
            next(events)
    assert caught.value.extension == "events"


def test_what_is_no_stream_is_refused(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", STREAM, Answer(body=b"<html>", headers={"content-type": "text/html"}))
    with sync_client.events() as events:
        with pytest.raises(InvalidResponseError, match="text/html"):
            next(events)


def test_a_feed_that_was_closed_has_ended(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", STREAM, stream(2, begin=1))
    events = sync_client.events(after=1)
    assert (next(events)).number == 2
    events.close()
    assert [event for event in events] == []
    assert len(server.seen) == 1
