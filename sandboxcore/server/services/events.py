"""What happened in a workspace, in the order in which it was committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, insert, select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import ApiKey, Base, Event, Pool, Sandbox, Template, Volume, Workspace
from sandboxcore.server.db.news import tell_after_commit
from sandboxcore.server.services.event_types import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

Recordable = Sandbox | Template | Volume | Pool | ApiKey | Workspace
_KINDS: dict[type[Recordable], str] = {
    Sandbox: "sandbox",
    Template: "template",
    Volume: "volume",
    Pool: "pool",
    ApiKey: "key",
    Workspace: "workspace",
}
_WORKSPACES = Base.metadata.tables["workspaces"]
_NEXT_NUMBER = (
    update(_WORKSPACES)
    .where(_WORKSPACES.c.id == bindparam("workspace"))
    .values(event_count=_WORKSPACES.c.event_count + bindparam("more"))
    .returning(_WORKSPACES.c.event_count)
)
MOST_TEXT = 2000
"""Characters of a text in ``data``: what a runtime says may be long, and a stream holds a page of events in memory."""
_INSERT = insert(Base.metadata.tables["events"])


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about, where there is no row of it at hand."""

    kind: str
    id: str
    name: str
    workspace_id: str


def subject_of(row: Recordable) -> Subject:
    """A row as the subject of an event; a workspace is its own."""
    workspace_id = row.id if isinstance(row, Workspace) else row.workspace_id
    return Subject(_KINDS[type(row)], row.id, row.name, workspace_id)


async def record(
    session: AsyncSession,
    subject: Recordable | Subject,
    what: str,
    *,
    actor: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Record that ``what`` happened to ``subject``, in the transaction that makes it happen.

    The session must come from ``database.write(workspace_id)``: it takes the workspace's lock before any other, and
    the number is the next in the order of commits. Raises ``ValueError`` for a type that ``EVENT_TYPES`` lacks.
    """
    await record_all(session, [(subject, what, data or {})], actor=actor)


async def record_all(
    session: AsyncSession, happened: Sequence[tuple[Recordable | Subject, str, Mapping[str, Any]]], *, actor: str
) -> None:
    """Record several things of one workspace, in this order and with as few statements; otherwise as ``record``."""
    rows = [_row(subject, what, data, actor) for subject, what, data in happened]
    workspace_id = rows[0]["workspace_id"]
    await session.flush()
    last = await session.scalar(_NEXT_NUMBER, {"workspace": workspace_id, "more": len(rows)})
    for number, row in enumerate(rows, last - len(rows) + 1):
        row["number"] = number
    await session.execute(_INSERT, rows)
    tell_after_commit(session, workspace_id)


def _row(subject: Recordable | Subject, what: str, data: Mapping[str, Any], actor: str) -> dict[str, Any]:
    """An event without its number."""
    about = subject if isinstance(subject, Subject) else subject_of(subject)
    event_type = f"{about.kind}.{what}"
    if event_type not in EVENT_TYPES:
        raise ValueError(f"there is no event type {event_type!r}")
    return {
        "workspace_id": about.workspace_id,
        "at": now(),
        "type": event_type,
        "actor": actor,
        "subject_kind": about.kind,
        "subject_id": about.id,
        "subject_name": about.name,
        "data": orjson.dumps({key: _bounded(value) for key, value in data.items()}).decode(),
    }


def _bounded(value: object) -> object:
    return value[:MOST_TEXT] if isinstance(value, str) else value


async def last_name(session: AsyncSession, subject: Subject) -> str:
    """What the subject was called in its latest event, where its row has given its name up."""
    query = select(Event.subject_name).where(Event.workspace_id == subject.workspace_id, Event.subject_id == subject.id)
    return await session.scalar(query.order_by(Event.number.desc()).limit(1)) or subject.name
