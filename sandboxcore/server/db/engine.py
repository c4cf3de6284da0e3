"""Engines and how to use them: ``read()`` and ``write()`` sessions, ``fetch_one()`` and ``fetch_all()`` for rows.

On SQLite a read is a look into this process's own page cache that takes microseconds, while handing it to a thread and
back takes ten times as long; so reads run where they are called, and only writes, which may wait, go to a thread.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import AsyncAdaptedQueuePool, StaticPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from sqlalchemy import Engine, Executable, Row

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A crash of the machine may lose the last commits, never the file; a crash of this process loses nothing.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
)


class Database:
    """One database with a way to read and a way to write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._inline: Engine | None = None
        self._reads: AsyncEngine | None = None
        if self.is_sqlite:
            self._inline = _sqlite_reader(url)
            self._writes = _sqlite_writer(url)
        else:
            self._writes = create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
            self._reads = self._writes.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for looking; each statement sees what is committed when it runs."""
        if self._inline is not None:
            with Session(self._inline, expire_on_commit=False, autoflush=False) as session:
                yield cast("AsyncSession", _InlineSession(session))
            return
        async with AsyncSession(self._reads, expire_on_commit=False, autoflush=False) as session:
            yield session

    async def fetch_one(self, statement: Executable, parameters: Mapping[str, Any]) -> Row[Any] | None:
        """The first row of a statement that is made once and run often, or None."""
        if self._inline is not None:
            with self._inline.connect() as connection:
                return connection.execute(statement, parameters).first()
        assert self._reads is not None  # noqa: S101  # one of the two is there
        async with self._reads.connect() as connection:
            return (await connection.execute(statement, parameters)).first()

    async def fetch_all(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Every row of a statement that is made once and run often."""
        if self._inline is not None:
            with self._inline.connect() as connection:
                return connection.execute(statement, parameters).all()
        assert self._reads is not None  # noqa: S101  # one of the two is there
        async with self._reads.connect() as connection:
            return (await connection.execute(statement, parameters)).all()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end of the block, rolled back when it raises.

        On SQLite the transaction takes the write lock at its start, so that what it read stays true until it commits.
        """
        async with AsyncSession(self._writes, expire_on_commit=False) as session, session.begin():
            yield session

    @property
    def engine(self) -> AsyncEngine:
        """The engine that writes, for migrations."""
        return self._writes

    async def close(self) -> None:
        """Close every connection."""
        if self._inline is not None:
            self._inline.dispose()
        await self._writes.dispose()


class _InlineSession:
    """The part of ``AsyncSession`` that reads, without leaving the calling thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        """See ``AsyncSession``."""
        return self._session.execute(*arguments, **options)

    async def scalar(self, *arguments: Any, **options: Any) -> Any:
        """See ``AsyncSession``."""
        return self._session.scalar(*arguments, **options)

    async def scalars(self, *arguments: Any, **options: Any) -> Any:
        """See ``AsyncSession``."""
        return self._session.scalars(*arguments, **options)


def _sqlite_reader(url: str) -> Engine:
    synchronous = make_url(url).set(drivername="sqlite")
    reader = create_engine(synchronous, poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    event.listen(reader, "connect", _set_pragmas)
    return reader


def _sqlite_writer(url: str) -> AsyncEngine:
    # One connection: writers queue here, in order, instead of in SQLite, where they would poll for the lock.
    writer = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0)
    event.listen(writer.sync_engine, "connect", _set_pragmas)
    event.listen(writer.sync_engine, "connect", _no_implicit_begin)
    event.listen(writer.sync_engine, "begin", _begin_immediate)
    return writer


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _no_implicit_begin(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
