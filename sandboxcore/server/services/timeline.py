"""Reading events: in order, from any number on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, func, or_, select

from sandboxcore.server.clock import iso
from sandboxcore.server.db.models import Event, Workspace
from sandboxcore.server.names import is_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from sandboxcore.server.db.engine import Database

MOST_LOOKED_AT = 20_000
"""Events that one request looks at to find those of a type or a name: SQLite reads on the event loop."""
_NEWEST = select(Workspace.event_count).where(Workspace.id == bindparam("workspace_id"))
_OLDEST = select(func.min(Event.number)).where(Event.workspace_id == bindparam("workspace_id"))
_EVENTS = select(Event.__table__).where(Event.workspace_id == bindparam("workspace_id"))
_AFTER = _EVENTS.where(Event.number > bindparam("after")).order_by(Event.number).limit(bindparam("limit"))


@dataclass(frozen=True, slots=True)
class Kept:
    """Which events of a workspace there are: numbers from ``oldest`` to ``newest``, without a gap.

    ``oldest`` is the number after ``newest`` where there are none.
    """

    oldest: int
    newest: int

    def follow(self, position: int) -> bool:
        """Whether all events after ``position``, past or to come, can be had."""
        return self.oldest - 1 <= position <= self.newest


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which events to read: after a number in the wanted direction, about whom, of which types."""

    after: int | None = None
    newest_first: bool = False
    subject: str | None = None
    """An identifier, or the name that the subject had."""
    types: tuple[str, ...] = ()
    """Whole types like ``sandbox.ready``, or kinds of subjects like ``sandbox``."""

    @property
    def is_scanned(self) -> bool:
        """Whether no index leads to the chosen events."""
        by_identifier = self.subject is not None and is_id(self.subject)
        return not by_identifier and bool(self.types or self.subject)


@dataclass(frozen=True, slots=True)
class Part:
    """Events, and the number to go on after, in the same direction; None where there are no more."""

    events: Sequence[Row[Any]]
    next_after: int | None


async def kept(database: Database, workspace_id: str) -> Kept | None:
    """Which events of a workspace there are; None where there is no such workspace."""
    oldest = await database.fetch_one(_OLDEST, {"workspace_id": workspace_id})
    newest = await database.fetch_one(_NEWEST, {"workspace_id": workspace_id})
    if newest is None:
        return None
    first = oldest[0] if oldest else None
    return Kept(newest[0] + 1 if first is None else first, newest[0])


async def read_after(database: Database, workspace_id: str, position: int, limit: int) -> Sequence[Row[Any]] | None:
    """The events that follow ``position``, at most ``limit``; None where the next one is not kept any more."""
    newest = await database.fetch_one(_NEWEST, {"workspace_id": workspace_id})
    rows = await database.fetch_all(_AFTER, {"workspace_id": workspace_id, "after": position, "limit": limit})
    if rows:
        return rows if rows[0].number == position + 1 else None
    # Read before the rows: what it counts had been committed, so only pruning can have kept it from being found.
    return [] if newest is not None and newest[0] == position else None


async def read(database: Database, workspace_id: str, chosen: Chosen, limit: int, known: Kept) -> Part:
    """At most ``limit`` of the chosen events, in the wanted direction.

    What no index leads to is looked for among ``MOST_LOOKED_AT`` events: then there may be fewer, even none, and still
    a way on.
    """
    query = _EVENTS.order_by(Event.number.desc() if chosen.newest_first else Event.number).limit(limit + 1)
    first, last = _span(chosen, known)
    if chosen.is_scanned:
        first, last = _cut(chosen, first, last)
    query = query.where(Event.number.between(first, last))
    if chosen.subject is not None:
        column = Event.subject_id if is_id(chosen.subject) else Event.subject_name
        query = query.where(column == chosen.subject)
    if chosen.types:
        query = query.where(or_(Event.type.in_(chosen.types), Event.subject_kind.in_(chosen.types)))
    rows = await database.fetch_all(query, {"workspace_id": workspace_id})
    if len(rows) > limit:
        return Part(rows[:limit], rows[limit - 1].number)
    if chosen.newest_first:
        return Part(rows, first if first > known.oldest else None)
    return Part(rows, last if last < known.newest else None)


def _span(chosen: Chosen, known: Kept) -> tuple[int, int]:
    """The first and the last number that may be shown."""
    if chosen.after is None:
        return known.oldest, known.newest
    if chosen.newest_first:
        return known.oldest, min(chosen.after - 1, known.newest)
    # Never beyond the newest by more than one: the databases know no number after the largest.
    return max(min(chosen.after, known.newest) + 1, known.oldest), known.newest


def _cut(chosen: Chosen, first: int, last: int) -> tuple[int, int]:
    """As much of it as may be looked at in one go, from the end at which reading begins."""
    if chosen.newest_first:
        return max(first, last - MOST_LOOKED_AT + 1), last
    return first, min(last, first + MOST_LOOKED_AT - 1)


def event_view(event: Row[Any]) -> dict[str, Any]:
    """An event as the API shows it."""
    return {
        "number": event.number,
        "at": iso(event.at),
        "type": event.type,
        "actor": event.actor,
        "subject": {"kind": event.subject_kind, "id": event.subject_id, "name": event.subject_name},
        "data": orjson.Fragment(event.data),
    }
