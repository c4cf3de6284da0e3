"""What sandboxes and workspaces used over time, read from the readings and cut into steps.

Readings hold what was used since the sandbox's start, so a step's figure is the difference of the last reading in it
and the last before it, however many lie between: nothing is lost by reading fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from sandboxcore.server.clock import iso, now
from sandboxcore.server.db.models import Allocation, EndedSandbox, Reading, ReadingRound, WorkspaceReading
from sandboxcore.server.errors import InvalidError, NotFoundError
from sandboxcore.server.names import is_id
from sandboxcore.server.services import sandboxes
from sandboxcore.server.services.readings import COARSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Row

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

DEFAULT_SECONDS = 3600.0
DEFAULT_POINTS = 360
MOST_POINTS = 2000
STEPS = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Seconds between points, of which the smallest that fits is taken where none is asked for."""
HELD = ("cpu_millis", "memory_bytes", "storage_bytes")
_ROUNDS_OF_LATEST = 3
_IN_SPAN = ReadingRound.number.between(bindparam("first"), bindparam("last"))
_READINGS = (
    select(Reading.__table__)
    .select_from(ReadingRound)
    .join(Reading, (Reading.round == ReadingRound.number) & (Reading.sandbox_id == bindparam("sandbox_id")))
    .where(_IN_SPAN)
    .order_by(ReadingRound.number)
)
_SUMS = (
    select(WorkspaceReading.__table__)
    .select_from(ReadingRound)
    .join(
        WorkspaceReading,
        (WorkspaceReading.round == ReadingRound.number) & (WorkspaceReading.workspace_id == bindparam("workspace_id")),
    )
    .where(_IN_SPAN)
    .order_by(ReadingRound.number)
)
_NEWEST_ROUNDS = (
    select(ReadingRound.number)
    .where(ReadingRound.number >= bindparam("since"))
    .order_by(ReadingRound.number.desc())
    .limit(_ROUNDS_OF_LATEST)
)
_LATEST = (
    select(Reading.__table__)
    .where(Reading.round.in_(_NEWEST_ROUNDS), Reading.sandbox_id.in_(bindparam("ids", expanding=True)))
    .order_by(Reading.round)
)
_ENDED = select(EndedSandbox.id).where(
    EndedSandbox.workspace_id == bindparam("workspace_id"), EndedSandbox.id == bindparam("id")
)
_HELD_LAST = (
    select(*(getattr(Allocation, name) for name in HELD))
    .where(Allocation.subject_id == bindparam("id"))
    .order_by(Allocation.started_at.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds since the epoch, and how many seconds lie between two points."""

    start: float
    end: float
    step: float

    @property
    def parameters(self) -> dict[str, int]:
        """The rounds to read: those of the span, and some before it, for the first point's difference."""
        before = self.start - 2 * max(self.step, COARSE_SECONDS)
        return {"first": int(before * 1000), "last": int(self.end * 1000)}


@dataclass(frozen=True, slots=True)
class Measured:
    """A sandbox, living or ended, and what it holds or held at last; empty where that is not known any more."""

    sandbox_id: str
    limits: Mapping[str, int]


def span_of(start: float | None, end: float | None, step: float | None, *, interval: float) -> Span:
    """What was asked for, by default the last hour, in steps that give no more than ``DEFAULT_POINTS``.

    Raises ``InvalidError``.
    """
    moment = now()
    last = moment if end is None else min(end, moment)
    first = last - DEFAULT_SECONDS if start is None else start
    if last <= 0:
        raise InvalidError(("query", "to"), "must be after 1970")
    if first >= last:
        raise InvalidError(("query", "from"), "must be before 'to' and before now")
    span = Span(max(first, 0.0), last, step or _step_for(last - max(first, 0.0), interval))
    points = (span.end - span.start) / span.step
    if points > MOST_POINTS:
        raise InvalidError(("query", "step"), f"that is {points:.0f} points; the most is {MOST_POINTS}")
    return span


def _step_for(seconds: float, interval: float) -> float:
    least = max(seconds / DEFAULT_POINTS, interval)
    return next((float(step) for step in STEPS if step >= least), -(-least // STEPS[-1]) * STEPS[-1])


async def find_measured(database: Database, *, caller: Caller, name: str) -> Measured:
    """A living sandbox by name or identifier, or an ended one by identifier. Raises ``NotFoundError``."""
    try:
        living = await sandboxes.get_sandbox(database, caller=caller, name=name)
    except NotFoundError:
        if not is_id(name):
            raise
    else:
        return Measured(living.id, {field: getattr(living, field) for field in HELD})
    if await database.fetch_one(_ENDED, {"workspace_id": caller.workspace_id, "id": name}) is None:
        raise NotFoundError("sandbox", name)
    held = await database.fetch_one(_HELD_LAST, {"id": name})
    return Measured(name, {} if held is None else dict(held._mapping))


async def sandbox_points(database: Database, sandbox_id: str, span: Span) -> list[dict[str, Any]]:
    """What one sandbox used, a point a step, oldest first."""
    rows = await database.fetch_aside(_READINGS, {"sandbox_id": sandbox_id, **span.parameters})
    return sandbox_series(rows, span)


async def workspace_points(database: Database, workspace_id: str, span: Span) -> list[dict[str, Any]]:
    """What all sandboxes of a workspace used together, a point a step, oldest first."""
    rows = await database.fetch_aside(_SUMS, {"workspace_id": workspace_id, **span.parameters})
    return [_workspace_point(its) for its in _steps(rows, span) if its[-1].at >= span.start]


async def latest(database: Database, ids: Sequence[str], *, interval: float) -> dict[str, dict[str, Any]]:
    """What each of these sandboxes used when it was last measured, as far as that was just now."""
    if not ids:
        return {}
    since = now() - max(2 * _ROUNDS_OF_LATEST * interval, COARSE_SECONDS)
    rows = await database.fetch_aside(_LATEST, {"since": int(since * 1000), "ids": list(ids)})
    of_each: dict[str, list[Row[Any]]] = {}
    for row in rows:
        of_each.setdefault(row.sandbox_id, []).append(row)
    return {sandbox_id: _usage(its[-1], its[-2] if len(its) > 1 else None) for sandbox_id, its in of_each.items()}


def _usage(row: Row[Any], before: Row[Any] | None) -> dict[str, Any]:
    gauges = {name: getattr(row, name) for name in ("memory_bytes", "storage_bytes", "pids")}
    return {"at": iso(row.at), "cpu_millis": _whole(_rate(row, before, "cpu_seconds"), 1000), **gauges}


def _steps(rows: Iterable[Row[Any]], span: Span) -> Iterable[list[Row[Any]]]:
    """The rows of each step that has any, in order."""
    part: list[Row[Any]] = []
    for row in rows:
        if part and row.at // span.step != part[-1].at // span.step:
            yield part
            part = []
        part.append(row)
    if part:
        yield part


def sandbox_series(rows: Iterable[Row[Any]], span: Span) -> list[dict[str, Any]]:
    """Points of the readings of one sandbox, which are in order and may begin before the span."""
    points = []
    before: Row[Any] | None = None
    for its in _steps(rows, span):
        row = its[-1]
        if row.at >= span.start:
            points.append(_sandbox_point(row, before))
        before = row
    return points


def _sandbox_point(row: Row[Any], before: Row[Any] | None) -> dict[str, Any]:
    throttled = _more(row, before, "throttled_seconds")
    return {
        "at": iso(row.at),
        "cpu_millis": _whole(_rate(row, before, "cpu_seconds"), 1000),
        "memory_bytes": row.memory_bytes,
        "storage_bytes": row.storage_bytes,
        "pids": row.pids,
        "rx_bytes_per_second": _whole(_rate(row, before, "rx_bytes")),
        "tx_bytes_per_second": _whole(_rate(row, before, "tx_bytes")),
        "oom_kills": _more(row, before, "oom_kills"),
        "throttled_seconds": None if throttled is None else round(throttled, 6),
    }


def _workspace_point(rows: Sequence[Row[Any]]) -> dict[str, Any]:
    """One step of a workspace: the last of its readings, and of cpu their average."""
    row = rows[-1]
    cpu = [each.cpu_millis for each in rows if each.cpu_millis is not None]
    return {
        "at": iso(row.at),
        "cpu_millis": round(sum(cpu) / len(cpu)) if cpu else None,
        "memory_bytes": row.memory_bytes,
        "sandboxes": row.sandboxes,
        "warm": row.warm,
    }


def _more(row: Row[Any], before: Row[Any] | None, column: str) -> Any:
    """How much was added to a count; of the first reading, all of it. None where it is not told, or began anew."""
    value, had = getattr(row, column), getattr(before, column) if before is not None else 0
    return None if value is None or had is None or value < had else value - had


def _rate(row: Row[Any], before: Row[Any] | None, column: str) -> float | None:
    """A count's growth a second; None for the first reading, whose sandbox may be older than that."""
    if before is None or row.at <= before.at:
        return None
    more: float | None = _more(row, before, column)
    return None if more is None else more / (row.at - before.at)


def _whole(value: float | None, times: int = 1) -> int | None:
    return None if value is None else round(value * times)
