"""Lists that page, sort, search and filter in the database, all described and carried out the same way.

A ``Listing`` describes one list, ``page()`` reads one page of it. Pages follow one another by the last row's place in
the order, not by counting: rows that come and go between two pages make no other row appear twice or not at all. Ties
are broken by identifier, text sorts by its bytes, and what is empty comes after everything, so that the order is total,
and the same on both databases; descending is exactly the reverse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BigInteger, Double, String, and_, func, literal, or_, select

from sandboxcore.server.errors import InvalidError
from sandboxcore.server.services.cursors import Cursor
from sandboxcore.server.services.filters import BadFilterError, Bytewise, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.base import ExecutableOption
    from sqlalchemy.sql.elements import SQLColumnExpression
    from sqlalchemy.types import TypeEngine

    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.services.cursors import Selection, Value
    from sandboxcore.server.services.filters import Filter

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_OFFSET = 1_000_000
MAX_TOTAL = 100_000
"""Up to here rows are counted: that takes 25 ms, in which SQLite does nothing else."""
_PYTHON = {"text": (str,), "number": (int, float), "integer": (int,)}
_SQL: dict[str, TypeEngine[Any]] = {"text": String(), "number": Double(), "integer": BigInteger()}


@dataclass(frozen=True)
class Sort:
    """A field that a list can be sorted by: its column, and its name in a row of the answer."""

    column: SQLColumnExpression[Any]
    attribute: str
    kind: Literal["text", "number", "integer"] = "text"
    nullable: bool = False
    options: tuple[ExecutableOption, ...] = ()
    """What an object needs so that it has ``attribute``, where it is no column of its own."""

    @property
    def ordered(self) -> SQLColumnExpression[Any]:
        """The column as both databases order it alike."""
        return Bytewise(self.column) if self.kind == "text" else self.column

    def holds(self, value: Value) -> bool:
        """Whether ``value`` can be one of this field."""
        return self.nullable if value is None else isinstance(value, _PYTHON[self.kind])

    def literal(self, value: Value) -> ColumnElement[Any]:
        """``value`` as the database takes it."""
        return literal(value, _SQL[self.kind])


@dataclass(frozen=True)
class Listing:
    """One list: what it holds, and how it can be sorted, searched and narrowed."""

    name: str
    rows: Select[Any]
    """Every row that may be shown, in any workspace, without an order."""
    counted: Select[Any] | None
    """The same rows as their identifiers alone; None where they are not to be counted."""
    owner: SQLColumnExpression[Any] | None
    """The column of the workspace; None for a list that belongs to none."""
    identity: Sort
    sorts: Mapping[str, Sort]
    default_sort: str
    searched: Mapping[str, SQLColumnExpression[Any]] = field(default_factory=dict)
    """Columns that ``q`` looks into, each with its name for people."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    entities: bool = False
    """Whether ``rows`` selects objects of one mapped class rather than columns."""
    includes: tuple[str, ...] = ()
    """What ``include`` may add to each of its items."""

    def offers(self, selection: Selection) -> bool:
        """Whether this list has such an order, search and filters."""
        filters_fit = all(name in self.filters and values for name, values in selection.filters)
        return selection.sort.removeprefix("-") in self.sorts and filters_fit and bool(self.searched or not selection.q)

    def sort_of(self, selection: Selection) -> tuple[Sort, bool]:
        """By what a selection is sorted, and whether it descends. Raises ``KeyError``."""
        return self.sorts[selection.sort.removeprefix("-")], selection.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page that somebody wants: of which rows, how many, and from where on."""

    selection: Selection
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    after: Cursor | None = None
    count: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, how many there are in all, and the way to the next page.

    ``total`` is None where nobody counted, and for more than ``MAX_TOTAL``.
    """

    rows: Sequence[Any]
    total: int | None
    next_cursor: str | None

    def place(self) -> dict[str, Any]:
        """What an answer says beside the rows."""
        return {"total": self.total, "next_cursor": self.next_cursor}


async def page(database: Database, listing: Listing, query: PageQuery, *, owner: str | None) -> Page:
    """One page of a list, of the workspace ``owner``. Raises ``InvalidError``."""
    conditions = _conditions(listing, query.selection, owner)
    statement = _rows(listing, query, conditions)
    if listing.entities:
        async with database.read() as session:
            found = (await session.scalars(statement)).all()
    else:
        found = await database.fetch_all(statement, {})
    more = len(found) > query.limit
    found = found[: query.limit]
    next_cursor = _cursor(listing, query.selection, found[-1]).text() if more else None
    total = None
    if listing.counted is not None and query.count:
        total = await _count(database, listing.counted.where(*conditions))
    return Page(found, total, next_cursor)


async def _count(database: Database, identities: Select[Any]) -> int | None:
    counted = select(func.count()).select_from(identities.limit(MAX_TOTAL + 1).subquery())
    row = await database.fetch_one(counted, {})
    return None if row is None or row[0] > MAX_TOTAL else int(row[0])


def _conditions(listing: Listing, selection: Selection, owner: str | None) -> list[ColumnElement[bool]]:
    conditions = [] if listing.owner is None else [listing.owner == owner]
    conditions += [_condition(listing.filters[name], name, values) for name, values in selection.filters]
    if selection.q:
        conditions.append(matches(list(listing.searched.values()), selection.q))
    return conditions


def _condition(chosen: Filter, name: str, values: Sequence[str]) -> ColumnElement[bool]:
    try:
        return chosen.condition(values)
    except BadFilterError as error:
        raise InvalidError(("query", name), str(error)) from None


def _rows(listing: Listing, query: PageQuery, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The page's rows and one more, which tells that there is another page."""
    sort, descending = listing.sort_of(query.selection)
    keys = [sort.ordered] if sort is listing.identity else [sort.ordered, listing.identity.ordered]
    order = [key.desc() if descending else key.asc() for key in keys]
    if sort.nullable:
        order[0] = order[0].nulls_first() if descending else order[0].nulls_last()
    statement = listing.rows.options(*sort.options).where(*conditions).order_by(*order).limit(query.limit + 1)
    if query.after is not None:
        return statement.where(_beyond(listing, query.after))
    return statement.offset(query.offset) if query.offset else statement


def _beyond(listing: Listing, last: Cursor) -> ColumnElement[bool]:
    """Rows that come after ``last``. Raises ``InvalidError`` for one that this list cannot have made."""
    sort, descending = listing.sort_of(last.selection)
    if not sort.holds(last.key) or not listing.identity.holds(last.identity):
        raise InvalidError(("query", "cursor"), "this is no cursor of this list")
    key, identity = sort.ordered, listing.identity.ordered
    if last.key is None:
        tie = listing.identity.literal(last.identity)
        later = identity < tie if descending else identity > tie
        still_empty = and_(key.is_(None), later)
        return or_(key.is_not(None), still_empty) if descending else still_empty
    value, tie = sort.literal(last.key), listing.identity.literal(last.identity)
    # The first comparison says nothing new: it is there for the index.
    if descending:
        return and_(key <= value, or_(key < value, identity < tie))
    later = and_(key >= value, or_(key > value, identity > tie))
    return or_(later, key.is_(None)) if sort.nullable else later


def _cursor(listing: Listing, selection: Selection, row: Any) -> Cursor:
    sort, _ = listing.sort_of(selection)
    return Cursor(selection, getattr(row, sort.attribute), getattr(row, listing.identity.attribute))
