"""What is forgotten, in which order, and that nobody has to wait for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import EndedSandbox, Event
from sandboxcore.server.services import retention
from sandboxcore.server.services.retention import DAY, forget_the_past
from tests.server.test_creating import with_template
from tests.server.test_event_stream import make_templates
from tests.server.test_events import events_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def numbers(app: Inside) -> list[int]:
    return [event["number"] for event in await events_of(app.client)]


async def make_older(app: Inside, up_to: int, days: float) -> None:
    async with app.core.database.write() as session:
        await session.execute(update(Event).where(Event.number <= up_to).values(at=now() - days * DAY))


async def test_the_oldest_beyond_the_most_go(inside: Start) -> None:
    app = await inside()
    await make_templates(app.client, 10)
    before = await numbers(app)
    assert await forget_the_past(app.core.database, actor="test", days=1, most=4) == len(before) - 4
    assert await numbers(app) == before[-4:]
    assert await forget_the_past(app.core.database, actor="test", days=1, most=4) == 0
    answer = (await app.client.get("/events")).json()
    assert (answer["oldest"], answer["newest"]) == (before[-4], before[-1])
    await make_templates(app.client, 1)
    assert (await numbers(app))[-1] == before[-1] + 1


async def test_those_that_are_too_old_go(inside: Start) -> None:
    app = await inside()
    await make_templates(app.client, 10)
    before = await numbers(app)
    await make_older(app, 5, days=8)
    assert await forget_the_past(app.core.database, actor="test", days=7, most=1000) == 5
    assert await numbers(app) == before[5:]
    await make_older(app, before[-1], days=8)
    await forget_the_past(app.core.database, actor="test", days=7, most=1000)
    answer = (await app.client.get("/events")).json()
    assert (answer["events"], answer["oldest"], answer["newest"]) == ([], before[-1] + 1, before[-1])


async def test_a_clock_that_was_put_back_makes_no_gap(inside: Start) -> None:
    app = await inside()
    await make_templates(app.client, 5)
    before = await numbers(app)
    async with app.core.database.write() as session:
        await session.execute(update(Event).where(Event.number == 4).values(at=now() - 100 * DAY))
    assert await forget_the_past(app.core.database, actor="test", days=7, most=1000) == 0
    assert await numbers(app) == before


async def test_it_goes_in_small_steps(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "MOST_BATCHES", 2)
    app = await inside()
    await make_templates(app.client, 20)
    before = await numbers(app)
    for step in (1, 2):
        assert await forget_the_past(app.core.database, actor="test", days=1, most=2) == 6
        assert await numbers(app) == before[6 * step :]


async def test_ended_sandboxes_go_with_the_event_of_their_end(inside: Start) -> None:
    app = await with_template(inside)
    ids = []
    for _ in range(3):
        box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
        await app.client.delete(f"/boxes/{box['id']}")
        ids.append(box["id"])
    await forget_the_past(app.core.database, actor="test", days=1, most=8)
    kept = [box["id"] for box in (await app.client.get("/history")).json()["sandboxes"]]
    assert kept == [ids[2], ids[1]]
    assert (await app.client.get(f"/history/{ids[0]}")).status_code == 404
    await make_older(app, 1000, days=2)
    async with app.core.database.write() as session:
        await session.execute(update(EndedSandbox).values(ended_at=now() - 2 * DAY))
    await forget_the_past(app.core.database, actor="test", days=1, most=8)
    assert (await app.client.get("/history")).json()["sandboxes"] == []


async def test_the_server_does_it_by_itself(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandboxcore.server.reaper.FORGET_SECONDS", 0.01)
    app = await inside(history_events=100)
    await make_templates(app.client, 120)
    count = select(func.count()).select_from(Event)
    async with asyncio.timeout(20):
        while (row := await app.core.database.fetch_one(count, {})) is None or row[0] != 100:
            await asyncio.sleep(0.01)
