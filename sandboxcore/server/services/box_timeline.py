"""All that happened to one sandbox in one order: its events, its commands' starts and ends, and its other uses."""

from __future__ import annotations

import binascii
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import and_, literal, or_, select

from sandboxcore.server.clock import iso
from sandboxcore.server.db.models import Access, Command, Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.sql.elements import SQLColumnExpression

    from sandboxcore.server.db.engine import Database

MOST_COMMAND = 500
"""Characters of a command line that an entry shows: a page has up to a thousand."""
MAX_LENGTH = 2048
"""Of a position as text."""
_LARGEST = 2**63


class BadPositionError(ValueError):
    """The text is no position of this server."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """An entry's place: its moment, then of equal moments the kind of source, then its identity there.

    What is later is greater; a command's end is greater than its start.
    """

    at: float
    source: int
    identity: str | int

    def text(self) -> str:
        """What a client gets."""
        return urlsafe_b64encode(orjson.dumps([self.at, self.source, self.identity])).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what a client sent. Raises ``BadPositionError``."""
        try:
            at, source, identity = orjson.loads(urlsafe_b64decode(text[:MAX_LENGTH] + "=" * (-len(text) % 4)))
        except (binascii.Error, ValueError, TypeError):
            raise BadPositionError("this is no position of this server") from None
        kinds_fit = isinstance(at, float) and math.isfinite(at) and type(source) is int and source in range(len(_ALL))
        if not kinds_fit or not _ALL[source].holds(identity):
            raise BadPositionError("this is no position of this server")
        return cls(at, source, identity)


@dataclass(frozen=True)
class _Source:
    """A table with entries of a sandbox."""

    rows: Select[Any]
    sandbox: SQLColumnExpression[Any]
    at: SQLColumnExpression[Any]
    identity: SQLColumnExpression[Any]
    of: type
    """Of the identity."""
    view: Callable[[Row[Any]], dict[str, Any]]
    workspace: SQLColumnExpression[Any]

    def holds(self, identity: object) -> bool:
        """Whether it can be one of a row."""
        if type(identity) is not self.of:
            return False
        return "\0" not in identity if isinstance(identity, str) else -_LARGEST <= identity < _LARGEST  # type: ignore[operator]

    def before(self, rank: int, position: Position) -> ColumnElement[bool]:
        """Rows of this source, which is the one of ``rank``, that come before ``position``."""
        if rank != position.source:
            return self.at <= position.at if rank < position.source else self.at < position.at
        return or_(self.at < position.at, and_(self.at == position.at, self.identity < literal(position.identity)))


@dataclass(frozen=True, slots=True)
class Part:
    """Entries, the newest first, and the position to go on before; None where there are no more."""

    entries: list[dict[str, Any]]
    next_before: str | None


async def read(
    database: Database, *, workspace_id: str, sandbox_id: str, limit: int, before: Position | None = None
) -> Part:
    """At most ``limit`` entries before a position. What comes in meanwhile moves no other entry to another page."""
    parts = []
    for rank, source in enumerate(_ALL):
        query = source.rows.where(
            source.workspace == workspace_id, source.sandbox == sandbox_id, source.at.is_not(None)
        )
        if before is not None:
            query = query.where(source.before(rank, before))
        rows = await database.fetch_all(query.order_by(source.at.desc(), source.identity.desc()).limit(limit + 1), {})
        parts.append([(Position(row.moment, rank, row.identity), row) for row in rows])
    newest = list(islice(merge(*parts, key=lambda each: each[0], reverse=True), limit + 1))
    shown = newest[:limit]
    entries = [{"at": iso(position.at), **_ALL[position.source].view(row)} for position, row in shown]
    return Part(entries, shown[-1][0].text() if len(newest) > limit else None)


def _event(row: Row[Any]) -> dict[str, Any]:
    return {"kind": row.type, "actor": row.actor, "id": str(row.number), "summary": orjson.loads(row.data)}


def _started(row: Row[Any]) -> dict[str, Any]:
    return {"kind": "command.started", "actor": row.actor, "id": row.id, "summary": _command(row)}


def _ended(row: Row[Any]) -> dict[str, Any]:
    outcome = {
        "exit_code": row.exit_code,
        "error": row.error,
        "seconds": round(max(0.0, row.ended_at - row.started_at), 4),
    }
    return {"kind": "command.ended", "actor": row.actor, "id": row.id, "summary": {**_command(row), **outcome}}


def _command(row: Row[Any]) -> dict[str, Any]:
    text = row.command
    named = {name: getattr(row, name) for name in ("origin", "pty", "status")}
    is_cut = row.command_cut or len(text) > MOST_COMMAND
    return {"command": text[:MOST_COMMAND], "command_cut": is_cut, **named}


def _access(row: Row[Any]) -> dict[str, Any]:
    summary = {"count": row.number_of, "until": iso(row.until), "bytes": row.bytes, **orjson.loads(row.data)}
    return {"kind": row.kind, "actor": row.actor, "id": row.id, "summary": summary}


_ALL = (
    _Source(
        select(Event.__table__, Event.at.label("moment"), Event.number.label("identity")),
        Event.subject_id,
        Event.at,
        Event.number,
        int,
        _event,
        Event.workspace_id,
    ),
    _Source(
        select(
            Access.__table__, Access.at.label("moment"), Access.id.label("identity"), Access.count.label("number_of")
        ),
        Access.sandbox_id,
        Access.at,
        Access.id,
        str,
        _access,
        Access.workspace_id,
    ),
    _Source(
        select(Command.__table__, Command.started_at.label("moment"), Command.id.label("identity")),
        Command.sandbox_id,
        Command.started_at,
        Command.id,
        str,
        _started,
        Command.workspace_id,
    ),
    _Source(
        select(Command.__table__, Command.ended_at.label("moment"), Command.id.label("identity")),
        Command.sandbox_id,
        Command.ended_at,
        Command.id,
        str,
        _ended,
        Command.workspace_id,
    ),
)
"""The sources; of equal moments those that stand further down are the later ones."""
