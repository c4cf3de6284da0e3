"""Bringing the database to this version's tables when the server starts."""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alembic.config import Config
    from sqlalchemy import Connection

    from sandboxcore.server.db.engine import Database

MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x5B0C_DB01
"""Any number, the same in every sandboxd, that PostgreSQL's advisory lock is taken on."""


async def migrate(database: Database) -> None:
    """Run every migration that the database has not had; two servers that start at once take turns."""
    async with _lock(database):
        if database.is_sqlite:
            async with database.engine.connect() as connection:
                await connection.run_sync(_upgrade)
        else:
            async with database.engine.begin() as connection:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
                await connection.run_sync(_upgrade)


@asynccontextmanager
async def _lock(database: Database) -> AsyncIterator[None]:
    """Hold a lock file beside a SQLite database; PostgreSQL's lock is taken in the transaction itself."""
    path = make_url(database.url).database if database.is_sqlite else None
    if not path or path == ":memory:":
        yield
        return
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

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
