"""Engines and the two kinds of session: ``read()`` and ``write()``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A crash of the machine may lose the last commits, never the file; a crash of this process loses nothing.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
)
READERS = 4


class Database:
    """One database with a way to read and a way to write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._reader, self._writer = _sqlite_engines(url)
        else:
            self._writer = create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for looking; each statement sees what is committed when it runs."""
        async with AsyncSession(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end of the block, rolled back when it raises.

        On SQLite the transaction takes the write lock at its start, so that what it read stays true until it commits.
        """
        async with AsyncSession(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @property
    def engine(self) -> AsyncEngine:
        """The engine that writes, for migrations."""
        return self._writer

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()


def _sqlite_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    database = make_url(url).database
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    reader = create_async_engine(
        url, poolclass=AsyncAdaptedQueuePool, pool_size=READERS, max_overflow=0, isolation_level="AUTOCOMMIT"
    )
    # One connection: writers queue here, in order, instead of in SQLite, where they would poll for the lock.
    writer = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0)
    event.listen(reader.sync_engine, "connect", _set_pragmas)
    event.listen(writer.sync_engine, "connect", _set_pragmas)
    event.listen(writer.sync_engine, "connect", _no_implicit_begin)
    event.listen(writer.sync_engine, "begin", _begin_immediate)
    return reader, writer


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _no_implicit_begin(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
