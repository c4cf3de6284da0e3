"""Forgetting the oldest events, and with them the sandboxes that ended before those that are kept.

A workspace's events are always forgotten from the oldest on, so that those which are kept have no gap.
"""

from __future__ import annotations

import asyncio
from itertools import takewhile
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Access, Command, EndedSandbox, Event, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore.server.db.engine import Database

BATCH = 500
"""Rows that one transaction forgets, so that nobody waits long for the database."""
MOST_BATCHES = 200
"""Of one workspace in one go; the rest is forgotten the next time."""
PAUSE = 0.005
DAY = 86400.0


async def forget_the_past(database: Database, *, actor: str, days: float, most: int) -> int:
    """Forget events older than ``days``, and of each workspace all but the newest ``most``; how many."""
    del actor  # what is forgotten leaves no trace
    horizon = now() - days * DAY
    forgotten = 0
    for workspace_id in await _overdue(database, horizon, most):
        for _ in range(MOST_BATCHES):
            gone = await _forget_events(database, workspace_id, horizon, most)
            forgotten += gone
            if gone < BATCH:
                break
            await asyncio.sleep(PAUSE)
        await _forget_ended(database, workspace_id, horizon)
    return forgotten


async def _overdue(database: Database, horizon: float, most: int) -> list[str]:
    """The workspaces that have something to forget."""
    first = select(Event.at).where(Event.workspace_id == Workspace.id).order_by(Event.number).limit(1).scalar_subquery()
    surplus = select(Event.number).where(
        Event.workspace_id == Workspace.id, Event.number <= Workspace.event_count - most
    )
    query = select(Workspace.id).where(or_(first < horizon, surplus.exists()))
    return [row.id for row in await database.fetch_all(query, {})]


async def _forget_events(database: Database, workspace_id: str, horizon: float, most: int) -> int:
    newest = select(Workspace.event_count).where(Workspace.id == workspace_id).scalar_subquery()
    oldest = (
        select(Event.number, Event.at, newest.label("newest"))
        .where(Event.workspace_id == workspace_id)
        .order_by(Event.number)
        .limit(BATCH)
    )
    rows = await database.fetch_all(oldest, {})
    gone = list(takewhile(lambda row: row.at < horizon or row.number <= row.newest - most, rows))
    if gone:
        last = Event.number <= gone[-1].number
        async with database.write() as session:
            await session.execute(delete(Event).where(Event.workspace_id == workspace_id, last))
    return len(gone)


async def _forget_ended(database: Database, workspace_id: str, horizon: float) -> None:
    """Forget the sandboxes that ended before the oldest event that is kept."""
    oldest = select(Event.at).where(Event.workspace_id == workspace_id).order_by(Event.number).limit(1)
    row = await database.fetch_one(oldest, {})
    kept_since = horizon if row is None else max(horizon, row.at)
    some = select(EndedSandbox.id).where(EndedSandbox.workspace_id == workspace_id, EndedSandbox.ended_at < kept_since)
    for _ in range(MOST_BATCHES):
        ended = [found.id for found in await database.fetch_all(some.limit(BATCH), {})]
        if ended:
            await _forget_uses(database, ended)
            async with database.write() as session:
                await session.execute(delete(EndedSandbox).where(EndedSandbox.id.in_(ended)))
        if len(ended) < BATCH:
            return
        await asyncio.sleep(PAUSE)


async def _forget_uses(database: Database, sandbox_ids: Sequence[str]) -> None:
    """Forget what was run in sandboxes and who else used them, one after another: of each there may be thousands."""
    for table in (Command, Access):
        used = select(table.sandbox_id).where(table.sandbox_id.in_(sandbox_ids)).distinct()
        for row in await database.fetch_all(used, {}):
            async with database.write() as session:
                await session.execute(delete(table).where(table.sandbox_id == row.sandbox_id))
            await asyncio.sleep(PAUSE)
