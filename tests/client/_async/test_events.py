"""The stream of events of an asynchronous client, over connections that break."""

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
    from sandboxcore import AsyncSandboxClient
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


async def test_events_come_once_and_in_order_over_any_number_of_connections(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, stream(4, 5, begin=3), DROP, Answer(503), stream(5, 6, begin=5), stream(7, begin=6))
    found = []
    async with async_client.events(after=3) as events:
        async for event in events:
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


async def test_from_now_on_goes_on_from_there(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, stream(begin=8), stream(9, begin=8))
    async with async_client.events() as events:
        assert (await anext(events)).number == 9
    assert afters(server) == [None, "8"]
    assert pauses == [0.5]


async def test_a_server_that_restarts_is_met_again_at_once(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    farewell = 'event: farewell\ndata: {"reason": "restarting", "message": "x"}\n\n'
    server.on("GET", STREAM, stream(begin=1, end=farewell), stream(2, begin=1))
    async with async_client.events(after=1) as events:
        assert (await anext(events)).number == 2
    assert pauses == [0]


async def test_events_that_are_lost_are_told(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    reset = 'id: 40\nevent: reset\ndata: {"oldest": 20, "newest": 40}\n\n'
    server.on("GET", STREAM, stream(begin=1, end=reset))
    async with async_client.events(after=1) as events:
        event = await anext(events)
    assert event.is_reset
    assert event.data == {"oldest": 20, "newest": 40}


async def test_a_key_that_ends_ends_the_stream(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    farewell = 'event: farewell\ndata: {"reason": "key_ended", "message": "x"}\n\n'
    refused = Answer(401, {"detail": {"error": "Unauthorized", "message": "this API key is revoked"}})
    server.on("GET", STREAM, stream(begin=1, end=farewell), refused)
    async with async_client.events(after=1) as events:
        with pytest.raises(SandboxAuthenticationError, match="revoked"):
            await anext(events)
    assert pauses == [0.5]


async def test_a_server_that_is_away_for_long_is_given_up(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, stream(2, begin=1), DROP)
    async with async_client.events(after=1) as events:
        assert (await anext(events)).number == 2
        with pytest.raises(SandboxConnectionError):
            await anext(events)
    assert sum(pauses) > 100


async def test_a_stream_that_only_ends_is_given_up_too(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("GET", STREAM, Answer(body=b"", headers=KIND))
    async with async_client.events() as events:
        with pytest.raises(SandboxConnectionError, match="lost"):
            await anext(events)
    assert pauses == [0.5, 1.0, 2.0]


async def test_too_many_streams_are_refused_at_first_and_waited_for_later(
    async_client: AsyncSandboxClient, server: FakeServer, pauses: list[float]
) -> None:
    full = Answer(429, {"detail": {"error": "TooManyRequests", "message": "has 8 requests open already"}})
    server.on("GET", STREAM, full, stream(2, begin=1), full, stream(3, begin=2))
    async with async_client.events(after=1) as events:
        with pytest.raises(QuotaExceededError):
            await anext(events)
        assert [(await anext(events)).number for _ in range(2)] == [2, 3]
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize("status", [404, 405])
async def test_a_server_without_events_is_named(
    async_client: AsyncSandboxClient, server: FakeServer, status: int
) -> None:
    server.on("GET", STREAM, Answer(status, {"detail": "Not Found"}))
    async with async_client.events() as events:
        with pytest.raises(ExtensionUnsupportedError, match="the server has no events") as caught:
            await anext(events)
    assert caught.value.extension == "events"


async def test_what_is_no_stream_is_refused(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", STREAM, Answer(body=b"<html>", headers={"content-type": "text/html"}))
    async with async_client.events() as events:
        with pytest.raises(InvalidResponseError, match="text/html"):
            await anext(events)


async def test_a_feed_that_was_closed_has_ended(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", STREAM, stream(2, begin=1))
    events = async_client.events(after=1)
    assert (await anext(events)).number == 2
    await events.aclose()
    assert [event async for event in events] == []
    assert len(server.seen) == 1
