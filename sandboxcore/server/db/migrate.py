"""Bringing the database to this version's tables when the server starts."""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alembic.config import Config
    from sqlalchemy import Connection

    from sandboxcore.server.db.engine import Database

MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x5B0C_DB01
"""Any number, the same in every sandboxd, that PostgreSQL's advisory lock is taken on."""


class DatabaseUnusableError(SandboxError):
    """The database cannot be opened or brought up to date; the message says which and why, without its password."""


async def migrate(database: Database) -> None:
    """Run every migration that the database has not had; two servers that start at once take turns.

    Raises ``DatabaseUnusableError``.
    """
    try:
        await _migrate(database)
    except (OSError, DBAPIError) as error:
        reason = str(error.orig).strip().partition("\n")[0] if isinstance(error, DBAPIError) else error.strerror
        place = make_url(database.url).render_as_string(hide_password=True)
        raise DatabaseUnusableError(
            f"cannot use the database {place} ({reason}); set SANDBOXD_STATE_DIR to a folder that this user may write, "
            "or SANDBOXD_DATABASE_URL to a database that answers"
        ) from None


async def _migrate(database: Database) -> None:
    async with _lock(database):
        await database.run_sync(_upgrade)


@asynccontextmanager
async def _lock(database: Database) -> AsyncIterator[None]:
    """Hold a lock file beside a SQLite database; PostgreSQL's lock is taken in the transaction itself."""
    path = make_url(database.url).database if database.is_sqlite else None
    if not path or path == ":memory:":
        yield
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{path}.migrate-lock").open("w") as file:  # noqa: ASYNC230  # a small file, once, before serving
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield


def alembic_config() -> Config:
    """Alembic's settings for these migrations, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
