"""Databases of a test's own, one of each kind that there is."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import migrate
from tests.server.running import drop_postgres_database, new_postgres_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def fresh_database(kind: str, folder: Path) -> AsyncIterator[Database]:
    """An empty database with every table; ``kind`` is one of ``tests.server.conftest.DATABASES``."""
    address = new_postgres_database() if kind == "postgresql" else f"sqlite:///{folder}/test.sqlite3"
    database = Database(address.replace("postgresql://", "postgresql+psycopg://"))
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()
        if kind == "postgresql":
            drop_postgres_database(address)
