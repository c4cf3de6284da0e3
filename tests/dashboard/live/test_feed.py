"""A team's messages: each once, none missed, bounded for whoever does not read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.live import feed as feeds
from dashboard.live.feed import BACK, LOST, WAITING, Feed, Listener
from dashboard.teams import api
from dashboard.teams.models import Team
from sandboxcore import SandboxConnectionError
from sandboxcore.reports import RESET, Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Upstream:
    """A server's events, as many streams as are opened."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self.opened_after: list[int] = []
        self.newest = 7

    def client(self, team: Team, actor: str) -> Any:
        return self

    async def __aenter__(self) -> Upstream:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def list_events(self, **_: object) -> Any:
        page = type("Page", (list,), {"newest": self.newest})
        return page()

    def events(self, after: int) -> Upstream:
        self.opened_after.append(after)
        return self

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self.coming.get()
            if isinstance(event, Exception):
                raise event
            yield event


def event(name: str, kind: str = "sandbox", what: str = "sandbox.ready") -> Event:
    return Event(1, what, subject_kind=kind, subject_id=f"id-{name}", subject_name=name)


def message(name: str) -> dict[str, str]:
    return {"type": "event", "kind": "sandbox", "id": f"id-{name}", "name": name, "event": "sandbox.ready"}


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Upstream:
    played = Upstream()
    monkeypatch.setattr(api, "make_client", played.client)
    monkeypatch.setattr(feeds, "FIRST_PAUSE", 0.0)
    return played


async def opened() -> Feed:
    feed = Feed(Team(pk=1, slug="blue", api_endpoint="http://x", api_key="k"))
    while not feed.place:
        await asyncio.sleep(0)
    return feed


async def heard(listener: Listener) -> list[Any]:
    return await asyncio.wait_for(listener.get(), 5)


async def test_it_works(upstream: Upstream) -> None:
    feed = await opened()
    assert upstream.opened_after == [7]
    listener = feed.join(feed.place)
    upstream.coming.put_nowait(event("alpha"))
    assert await heard(listener) == [message("alpha")]
    feed.tell({"type": "event", "kind": "audit"})
    assert await heard(listener) == [{"type": "event", "kind": "audit"}]
    await feed.close()


async def test_who_comes_late_hears_what_came_since_the_page_was_drawn(upstream: Upstream) -> None:
    feed = await opened()
    place = feed.place
    first = feed.join(place)
    upstream.coming.put_nowait(event("alpha"))
    await heard(first)
    assert await heard(feed.join(place)) == [message("alpha")]
    now = feed.join(feed.place)
    upstream.coming.put_nowait(event("beta"))
    assert await heard(now) == [message("beta")]
    await feed.close()


@pytest.mark.parametrize("place", ["", "x", "x.1", ".", "0.0", "{era}.-1", "{era}.99", "{era}.²"])
async def test_who_may_have_missed_something_asks_for_everything(upstream: Upstream, place: str) -> None:
    feed = await opened()
    era = feed.place.partition(".")[0]
    assert await heard(feed.join(place.format(era=era))) == [BACK]
    await feed.close()


async def test_a_stream_that_is_lost_comes_back(upstream: Upstream) -> None:
    feed = await opened()
    place = feed.place
    listener = feed.join(place)
    upstream.coming.put_nowait(SandboxConnectionError("gone"))
    messages: list[Any] = []
    while BACK not in messages:
        messages += await heard(listener)
    assert messages == [LOST, BACK]
    assert await heard(feed.join(place)) == [BACK]
    upstream.coming.put_nowait(event("alpha"))
    assert await heard(listener) == [message("alpha")]
    await feed.close()


async def test_events_that_are_not_kept_any_more(upstream: Upstream) -> None:
    feed = await opened()
    listener = feed.join(feed.place)
    upstream.coming.put_nowait(Event(9, RESET))
    assert await heard(listener) == [BACK]
    await feed.close()


async def test_a_page_that_does_not_read_is_told_to_ask_again() -> None:
    listener = Listener()
    for number in range(WAITING + 1):
        listener.put({"type": "event", "id": str(number)})
    assert await heard(listener) == [BACK]


async def test_who_joins_before_the_stream_is_there_is_told_when_it_is(upstream: Upstream) -> None:
    feed = Feed(Team(pk=1, slug="blue", api_endpoint="http://x", api_key="k"))
    listener = feed.join("")
    assert feed.place == ""
    messages: list[Any] = []
    while BACK not in messages:
        messages += await heard(listener)
    assert messages == [LOST, BACK]
    await feed.close()
