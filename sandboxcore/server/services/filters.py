"""The ways in which a list may be narrowed, each from the texts of a query to a condition of SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sqlalchemy import String, func, not_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from sandboxcore.server.names import is_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.elements import SQLColumnExpression

MAX_VALUES = 50
HALF_A_MICROSECOND = 5e-7


class BadFilterError(ValueError):
    """A value that the filter does not take; the message says which it takes."""


class Bytewise(FunctionElement[str]):
    """A text that sorts and compares by its UTF-8 bytes, whatever the database's own collation is."""

    type = String()
    inherit_cache = True


@compiles(Bytewise)
def _bytewise(element: Any, compiler: Any, **options: Any) -> str:
    """SQLite compares bytes anyway."""
    return str(compiler.process(element.clauses, **options))


@compiles(Bytewise, "postgresql")
def _bytewise_on_postgres(element: Any, compiler: Any, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


def matches(columns: Sequence[SQLColumnExpression[Any]], q: str) -> ColumnElement[bool]:
    """Any column contains ``q``, where A and a are the same; letters beyond ASCII match themselves alone.

    Both databases agree on no more than that without extensions.
    """
    wanted = "".join(letter.lower() if letter.isascii() else letter for letter in q)
    return or_(*(func.lower(Bytewise(column)).contains(wanted, autoescape=True) for column in columns))


class Filter(Protocol):
    """What narrows a list."""

    @property
    def many(self) -> bool:
        """Whether several values may be given, any of which then suffices."""

    @property
    def description(self) -> str:
        """What it lets through, for the API's description."""

    @property
    def schema(self) -> dict[str, Any]:
        """What one value looks like, for the API's description."""

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """Rows that any of ``values``, at least one, lets through. Raises ``BadFilterError``."""


@dataclass(frozen=True)
class Exactly:
    """A column has one of the values."""

    column: SQLColumnExpression[Any]
    description: str
    many: bool = True
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string", "maxLength": 512})

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """See ``Filter``."""
        return self.column.in_(values)


@dataclass(frozen=True)
class OneOf:
    """A column has one of the values, which are known."""

    column: SQLColumnExpression[Any]
    allowed: tuple[str, ...]
    description: str
    many: bool = True

    @property
    def schema(self) -> dict[str, Any]:
        """See ``Filter``."""
        return {"type": "string", "enum": list(self.allowed)}

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """See ``Filter``."""
        for value in values:
            if value not in self.allowed:
                raise BadFilterError(f"'{value[:80]}' is none of: {', '.join(self.allowed)}")
        return self.column.in_(values)


@dataclass(frozen=True)
class Named:
    """A thing has one of the values for its name or, where a value has that form, its identifier.

    ``wrap`` makes a condition of the row out of one of the thing, where that is in another table.
    """

    name: SQLColumnExpression[Any]
    identity: SQLColumnExpression[Any]
    description: str
    wrap: Callable[[ColumnElement[bool]], ColumnElement[bool]] | None = None
    many: bool = True
    schema: ClassVar[dict[str, Any]] = {"type": "string", "maxLength": 100}

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """See ``Filter``."""
        identities = [value for value in values if is_id(value)]
        found: ColumnElement[bool] = self.name.in_(values)
        if identities:
            found = or_(found, self.identity.in_(identities))
        return self.wrap(found) if self.wrap else found


@dataclass(frozen=True)
class Flag:
    """A condition holds, or does not."""

    holds: ColumnElement[bool]
    description: str
    many: bool = False
    schema: ClassVar[dict[str, Any]] = {"type": "boolean"}

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """See ``Filter``."""
        if values[0] not in {"true", "false"}:
            raise BadFilterError(f"'{values[0][:80]}' is neither true nor false")
        return self.holds if values[0] == "true" else not_(self.holds)


@dataclass(frozen=True)
class Since:
    """A moment is at or after the value."""

    column: SQLColumnExpression[Any]
    description: str
    many: bool = False
    schema: ClassVar[dict[str, Any]] = {"type": "string", "format": "date-time"}

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """See ``Filter``."""
        return self.column >= _moment(values[0])


@dataclass(frozen=True)
class Before:
    """A moment is before the value."""

    column: SQLColumnExpression[Any]
    description: str
    many: bool = False
    schema: ClassVar[dict[str, Any]] = {"type": "string", "format": "date-time"}

    def condition(self, values: Sequence[str]) -> ColumnElement[bool]:
        """See ``Filter``."""
        return self.column < _moment(values[0])


def _moment(text: str) -> float:
    """Seconds since the epoch. The API shows moments in whole microseconds, rounded; they compare as shown."""
    try:
        moment = datetime.fromisoformat(text.upper())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp() - HALF_A_MICROSECOND
    except (ValueError, OverflowError):
        raise BadFilterError(
            f"'{text[:80]}' is no moment; write it like 2026-05-04T12:00:00Z (without a zone it is UTC)"
        ) from None
