"""Usage over time, summed from the ledger: how much was held for how long, by hour or day, by template or creator.

Each holding is cut at the edges of the buckets. The database sums all that begin in the same bucket and end in the same
one, in one pass; what lies between is the same in every bucket between, and is added up here.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Double, Integer, String, bindparam, case, cast, func, literal, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Allocation
from sandboxcore.server.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Row, RowMapping, Select

    from sandboxcore.server.db.engine import Database

Step = Literal["hour", "day", "total"]
By = Literal["template", "creator", "none"]
SECONDS = {"hour": 3600.0, "day": 86400.0}
MOST_BUCKETS = 800
MOST_GROUPS = 20
VOLUMES, OTHERS = "(volumes)", "(others)"
"""Groups that are no template's: volumes when grouped by template, and all beyond the ``MOST_GROUPS`` largest."""
AMOUNTS = (
    "sandbox_seconds",
    "cpu_seconds",
    "cpu_used_seconds",
    "memory_byte_seconds",
    "storage_byte_seconds",
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one group used in one bucket."""

    start: float
    end: float
    group: str | None
    amounts: dict[str, float]
    """By name: ``AMOUNTS``; bytes and cores times seconds."""
    sandboxes_started: int


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in seconds since the epoch, cut where ``step`` says: at full hours or days of UTC."""

    start: float
    end: float
    step: Step

    @property
    def base(self) -> float:
        """The first edge, at or before ``start``."""
        width = SECONDS.get(self.step)
        return self.start if width is None else floor(self.start / width) * width

    @property
    def width(self) -> float:
        """Seconds between two edges."""
        return SECONDS.get(self.step, self.end - self.start)

    @property
    def count(self) -> int:
        """How many buckets."""
        return 1 if self.step == "total" else ceil((self.end - self.base) / self.width)

    def bounds(self, index: int) -> tuple[float, float]:
        """When a bucket begins and ends."""
        edge = self.base + index * self.width
        return max(edge, self.start), min(edge + self.width, self.end)


def span_of(start: float | None, end: float | None, step: Step, moment: float) -> Span:
    """What was asked for, up to ``moment`` at most; by default the last day by hours, else the last 30 days.

    Raises ``InvalidError``.
    """
    last = moment if end is None else min(float(end), moment)
    first = last - (86400.0 if step == "hour" else 30 * 86400.0) if start is None else float(start)
    if last <= 0:
        raise InvalidError(("query", "to"), "must be after 1970")
    if first >= last:
        raise InvalidError(("query", "from"), "must be before 'to' and before now")
    span = Span(max(first, 0.0), last, step)
    if span.count > MOST_BUCKETS:
        raise InvalidError(("query", "step"), f"that is {span.count} steps; the most is {MOST_BUCKETS}")
    return span


@dataclass(frozen=True, slots=True)
class Report:
    """Usage by bucket, oldest first, and then by group; what used nothing is left out."""

    span: Span
    by: By
    usage: list[Usage]


async def report(
    database: Database,
    *,
    workspace_id: str,
    start: float | None = None,
    end: float | None = None,
    step: Step = "day",
    by: By = "none",
) -> Report:
    """What a workspace used between two moments (see ``span_of``). Raises ``InvalidError``."""
    moment = now()
    span = span_of(start, end, step, moment)
    query = _Query(span, by, truncates=database.is_sqlite)
    parameters = {"workspace": workspace_id, "now": moment}
    largest = await _largest(database, query, parameters) if by != "none" else []
    rows = await database.fetch_aside(query.sums(largest), parameters)
    # There may be as many rows as holdings.
    return Report(span, by, await asyncio.to_thread(_spread, rows, span))


async def _largest(database: Database, query: _Query, parameters: dict[str, Any]) -> list[str]:
    """The groups that are shown by name."""
    return [row.name for row in await database.fetch_aside(query.groups(), parameters)]


class _Query:
    """The statements of one report."""

    def __init__(self, span: Span, by: By, *, truncates: bool) -> None:
        self._span = span
        self._by = by
        self._truncates = truncates
        ended: ColumnElement[float] = func.coalesce(Allocation.ended_at, bindparam("now", type_=Double))
        self._from = case((Allocation.started_at < span.start, span.start), else_=Allocation.started_at)
        self._to = case((ended > span.end, span.end), else_=ended)
        self._whole = ended - Allocation.started_at
        self._met = (
            Allocation.workspace_id == bindparam("workspace"),
            or_(Allocation.ended_at.is_(None), Allocation.ended_at >= span.start),
            Allocation.started_at < span.end,
            ended >= Allocation.started_at,
        )

    def _group(self) -> ColumnElement[Any]:
        if self._by == "creator":
            return Allocation.creator.expression
        if self._by == "template":
            return case((Allocation.subject_kind == "volume", VOLUMES), else_=Allocation.template_name)
        return literal(None, String)

    def groups(self) -> Select[Any]:
        """The groups that held most for longest."""
        weight = (self._to - self._from) * (Allocation.cpu_millis + Allocation.storage_bytes / 2.0**30)
        held = select(self._group().label("name"), weight.label("weight")).where(*self._met).subquery().c
        order = (func.sum(held.weight).desc(), held.name)
        return select(held.name).group_by(held.name).order_by(*order).limit(MOST_GROUPS)

    def sums(self, largest: Sequence[str]) -> Select[Any]:
        """One row for each group and each pair of a first and a last bucket."""
        group = self._group()
        if largest:
            group = case((group.in_(largest), group), else_=OTHERS)
        inner = self._parts(group.label("name")).subquery()
        part = inner.c
        rates = {
            "sandbox_seconds": part.is_sandbox,
            "cpu_seconds": part.cpu_millis / 1000.0,
            "cpu_used_seconds": part.cpu_rate,
            "memory_byte_seconds": part.memory_bytes,
            "storage_byte_seconds": part.storage_bytes,
        }
        head, tail = self._head(part), self._tail(part)
        columns = []
        for name, rate in rates.items():
            columns.append(func.sum(rate * head).label(f"head_{name}"))
            columns.append(func.sum(rate * tail).label(f"tail_{name}"))
            columns.append(func.sum(rate * self._span.width).label(f"full_{name}"))
        started = func.sum(part.is_started).label("started")
        keys = (part.name, part.first, part.last)
        return select(*keys, started, *columns).group_by(*keys)

    def _parts(self, name: Any) -> Select[Any]:
        span = self._span
        first, last = self._index(self._from), self._index(self._to)
        final = span.count - 1
        used = case((self._whole > 0, Allocation.cpu_used_seconds / self._whole), else_=0.0)
        started = (Allocation.subject_kind == "sandbox") & (Allocation.started_at >= span.start)
        return select(
            name,
            first.label("first"),
            case((last > final, final), else_=last).label("last"),
            self._from.label("since"),
            self._to.label("until"),
            case((Allocation.subject_kind == "volume", 0.0), else_=1.0).label("is_sandbox"),
            case((started, 1), else_=0).label("is_started"),
            Allocation.cpu_millis,
            # Sums of whole numbers would overflow on one database and not on the other.
            cast(Allocation.memory_bytes, Double).label("memory_bytes"),
            cast(Allocation.storage_bytes, Double).label("storage_bytes"),
            used.label("cpu_rate"),
        ).where(*self._met)

    def _index(self, moment: ColumnElement[float]) -> ColumnElement[int]:
        """The bucket of a moment that is not before the first one."""
        steps = (moment - self._span.base) / self._span.width
        # SQLite's cast cuts off; PostgreSQL's rounds.
        return cast(steps, Integer) if self._truncates else cast(func.floor(steps), Integer)

    def _edge(self, index: Any) -> Any:
        return self._span.base + index * self._span.width

    def _head(self, part: Any) -> ColumnElement[float]:
        """Seconds in the first bucket."""
        edge = self._edge(part.first + 1)
        return case((part.first == part.last, part.until - part.since), else_=edge - part.since)

    def _tail(self, part: Any) -> ColumnElement[float]:
        """Seconds in the last bucket, where it is not the first."""
        return case((part.first == part.last, 0.0), else_=part.until - self._edge(part.last))


def _spread(rows: Iterable[Row[Any]], span: Span) -> list[Usage]:
    """The sums of each bucket."""
    cells: dict[tuple[int, str | None], _Cell] = defaultdict(_Cell)
    between: dict[str | None, dict[int, _Cell]] = defaultdict(lambda: defaultdict(_Cell))
    for row in rows:
        values = row._mapping
        cells[row.first, row.name].number += row.started
        cells[row.first, row.name].add(values, "head_")
        if row.last > row.first:
            cells[row.last, row.name].add(values, "tail_")
        if row.last > row.first + 1:
            between[row.name][row.first + 1].change(values, 1)
            between[row.name][row.last].change(values, -1)
    for group, changes in between.items():
        _fill(cells, group, changes)
    order = sorted(cells, key=lambda key: (key[0], key[1] or ""))
    found = [
        Usage(*span.bounds(index), group, cells[index, group].amounts, cells[index, group].number)
        for index, group in order
    ]
    return [usage for usage in found if usage.sandboxes_started or any(usage.amounts.values())]


class _Cell:
    """Amounts, and a number of what they are of."""

    __slots__ = ("amounts", "number")

    def __init__(self) -> None:
        self.amounts = dict.fromkeys(AMOUNTS, 0.0)
        self.number = 0

    def add(self, values: RowMapping, prefix: str, sign: int = 1) -> None:
        for name in AMOUNTS:
            self.amounts[name] += sign * values[prefix + name]

    def change(self, values: RowMapping, sign: int) -> None:
        """What is held all through each bucket begins or ends to be."""
        self.number += sign
        self.add(values, "full_", sign)


def _fill(cells: dict[tuple[int, str | None], _Cell], group: str | None, changes: dict[int, _Cell]) -> None:
    """Add what is held all through each bucket, from where it begins and ends to be."""
    running = _Cell()
    for index in range(min(changes), max(changes)):
        if index in changes:
            running.number += changes[index].number
            for name, value in changes[index].amounts.items():
                running.amounts[name] += value
        if not running.number:
            running = _Cell()  # what is left is what rounding left
            continue
        for name, value in running.amounts.items():
            cells[index, group].amounts[name] += value
