"""The database: ``read()`` and ``write()`` sessions, ``fetch_one()`` and ``fetch_all()`` for rows.

On SQLite a statement is a look into this process's own page cache: it takes microseconds, while handing it to a thread
and back takes ten times as long. So statements run where they are called. What can take long is kept out of the way:
another process's write lock is waited for without holding up the event loop, and a thread syncs to disk.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, StaticPool

from sandboxcore.server.db.news import News, to_be_told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Executable, Row

T = TypeVar("T")
SQLITE_PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    # A crash of the machine may lose the last commits, never the file; a crash of this process loses nothing.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 0",
)
LOCK_SECONDS = 10.0
"""How long another process may hold SQLite's write lock before a write fails."""
LOCK_PAUSE = 0.002
ROWS_AT_A_TIME = 200
LAST_READ_SECONDS = 5.0
"""How long a read that nobody waits for any more may take to come to its end."""
_ONE_WRITER = text("SELECT pg_advisory_xact_lock(hashtextextended(:workspace_id, 0))")


class Database:
    """One database with ways to read and to write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.news = News()
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._sqlite: _Sqlite | None = None
        self._postgres: _Postgres | None = None
        if self.is_sqlite:
            self._sqlite = _Sqlite(url)
        else:
            self._postgres = _Postgres(url)

    @property
    def _backend(self) -> _Sqlite | _Postgres:
        backend = self._sqlite or self._postgres
        assert backend is not None  # noqa: S101  # one of the two was made
        return backend

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for looking; each statement sees what is committed when it runs."""
        async with self._backend.read() as session:
            yield session

    @asynccontextmanager
    async def write(self, workspace_id: str | None = None) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end of the block, rolled back when it raises.

        Transactions that name the same workspace run one after another, so that what one of them read of it stays true
        until it commits: limits and the order of events rest on it. On SQLite all transactions do.
        The block must not wait for anything but the database.
        """
        async with self._backend.write(workspace_id) as session:
            yield session
        self.news.tell(to_be_told(session))

    async def fetch_one(self, statement: Executable, parameters: Mapping[str, Any]) -> Row[Any] | None:
        """The first row of a statement that is made once and run often, or None."""
        rows = await self._backend.fetch(statement, parameters)
        return rows[0] if rows else None

    async def fetch_all(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Every row of a statement that is made once and run often."""
        return await self._backend.fetch(statement, parameters)

    async def fetch_aside(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Every row of a statement that may have much to read, without holding up the event loop."""
        return await self._backend.fetch_aside(statement, parameters)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction, which it commits itself."""
        return await self._backend.run_sync(work)

    async def checkpoint(self) -> None:
        """Move what was written into SQLite's main file, so that its log stays short; nothing elsewhere."""
        if self._sqlite is not None:
            await self._sqlite.checkpoint()

    async def close(self) -> None:
        """Close every connection."""
        await self._backend.close()


class _Postgres:
    def __init__(self, url: str) -> None:
        self._writes = create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
        self._reads: AsyncEngine = self._writes.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self._reads, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def write(self, workspace_id: str | None) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self._writes, expire_on_commit=False) as session, session.begin():
            if workspace_id is not None:
                await session.execute(_ONE_WRITER, {"workspace_id": workspace_id})
            yield session

    async def fetch(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        async with self._reads.connect() as connection:
            return (await connection.execute(statement, parameters)).all()

    async def fetch_aside(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        reading = asyncio.create_task(self._fetch_in_parts(statement, parameters))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            # Cancelled in the middle, a read would leave its cursor open and cost the pool a connection.
            await asyncio.wait({reading}, timeout=LAST_READ_SECONDS)
            reading.cancel()
            raise

    async def _fetch_in_parts(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        rows: list[Row[Any]] = []
        # A part at a time, since many rows take long to read; a cursor needs a transaction.
        async with self._writes.connect() as connection:
            result = await connection.stream(statement, parameters)
            async for part in result.partitions(ROWS_AT_A_TIME):
                rows += part
        return rows

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        async with self._writes.connect() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._writes.dispose()


class _Sqlite:
    """One connection to read with, one to write with, both used in the event loop's thread alone."""

    def __init__(self, url: str) -> None:
        self._reader = _sqlite_engine(url, isolation_level="AUTOCOMMIT")
        self._writer = _sqlite_engine(url)
        event.listen(self._writer, "connect", _leave_begin_to_us)
        self._turn = asyncio.Lock()
        self._looking: Connection | None = None
        self._aside = create_engine(_synchronous(url), poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield cast("AsyncSession", _InlineSession(session))

    @asynccontextmanager
    async def write(self, workspace_id: str | None) -> AsyncIterator[AsyncSession]:
        del workspace_id  # there is one writer anyway
        async with self._turn:
            with self._writer.connect() as connection:
                await _begin_immediate(connection)
                with Session(connection, expire_on_commit=False) as session, session.begin():
                    yield cast("AsyncSession", _InlineSession(session))
                connection.commit()

    async def fetch(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        if self._looking is None:
            self._looking = self._reader.connect()
        try:
            return self._looking.execute(statement, parameters).all()
        except DBAPIError:
            self._looking.rollback()
            raise

    async def fetch_aside(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        return await asyncio.to_thread(self._fetch_aside, statement, parameters)

    def _fetch_aside(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        with self._aside.connect() as connection:
            return connection.execute(statement, parameters).all()

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        async with self._turn:
            with self._writer.connect() as connection:
                await _begin_immediate(connection)
                return work(connection)

    async def checkpoint(self) -> None:
        await asyncio.to_thread(self._checkpoint)

    def _checkpoint(self) -> None:
        with self._aside.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.close()
        self._reader.dispose()
        self._writer.dispose()
        self._aside.dispose()


class _InlineSession:
    """The part of ``AsyncSession`` that the server uses, without leaving the calling thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.add = session.add
        self.info = session.info

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        """See ``AsyncSession``."""
        return self._session.execute(*arguments, **options)

    async def scalar(self, *arguments: Any, **options: Any) -> Any:
        """See ``AsyncSession``."""
        return self._session.scalar(*arguments, **options)

    async def scalars(self, *arguments: Any, **options: Any) -> Any:
        """See ``AsyncSession``."""
        return self._session.scalars(*arguments, **options)

    async def delete(self, instance: object) -> None:
        """See ``AsyncSession``."""
        self._session.delete(instance)

    async def flush(self) -> None:
        """See ``AsyncSession``."""
        self._session.flush()


def _synchronous(url: str) -> str:
    return make_url(url).set(drivername="sqlite").render_as_string(hide_password=False)


def _sqlite_engine(url: str, **options: Any) -> Engine:
    engine = create_engine(_synchronous(url), poolclass=StaticPool, **options)
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _leave_begin_to_us(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 0").close()


async def _begin_immediate(connection: Connection) -> None:
    """Take the write lock; others run while another process holds it. Raises ``OperationalError`` after a while."""
    deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if "locked" not in str(error.orig) or asyncio.get_running_loop().time() > deadline:
                raise
            connection.rollback()
            await asyncio.sleep(LOCK_PAUSE)
        else:
            return
