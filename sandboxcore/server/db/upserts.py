"""Rows that are written whether they are there or not, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Table
    from sqlalchemy.sql.dml import Insert

    from sandboxcore.server.db.engine import Database


class Upsert:
    """A statement that inserts rows of a table, or changes some columns where the primary key is there already.

    With ``newer`` only where that column is not less than it was.
    """

    def __init__(self, table: Table, changed: Iterable[str], newer: str | None = None) -> None:
        self._of_sqlite = _statement(sqlite.insert(table), table, changed, newer)
        self._of_postgresql = _statement(postgresql.insert(table), table, changed, newer)

    def on(self, database: Database) -> Insert:
        """The statement for this database; takes a row of every column."""
        return self._of_sqlite if database.is_sqlite else self._of_postgresql


def _statement(insert: Any, table: Table, changed: Iterable[str], newer: str | None) -> Insert:
    insert = insert.values({column.name: bindparam(column.name) for column in table.columns})
    statement: Insert = insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: insert.excluded[name] for name in changed},
        where=None if newer is None else insert.excluded[newer] >= table.c[newer],
    )
    return statement
