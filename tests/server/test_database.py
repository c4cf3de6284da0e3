"""Tables, migrations, and the two kinds of session."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import alembic_config, migrate
from sandboxcore.server.db.models import Allocation, Base, Workspace
from sandboxcore.server.names import new_id
from sandboxcore.server.services import commands, quota, sandboxes
from tests.server.databases import fresh_database

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


OLD_ROWS: list[tuple[str, list[dict[str, object]]]] = [
    ("INSERT INTO workspaces (id, name, created_at) VALUES ('w', 'w', 0)", [{}]),
    (
        "INSERT INTO templates (id, workspace_id, name, image, cpu, memory, storage, created_at, updated_at,"
        " created_by) VALUES ('t', 'w', 't', 'host', '750m', '1Gi', '2Gi', 0, 0, 'ann')",
        [{}],
    ),
    (
        "INSERT INTO pools (id, workspace_id, template_id, name, replicas, created_at, updated_at, created_by)"
        " VALUES ('p', 'w', 't', 'p', 1, 0, 0, 'ann')",
        [{}],
    ),
    (
        "INSERT INTO sandboxes (id, workspace_id, template_id, pool_id, warm, awaited, name, state, ttl_seconds,"
        " idle_ttl_seconds, created_at, updated_at, last_activity_at, created_by)"
        " VALUES (:name, 'w', 't', :pool, :warm, 0, :name, :state, 0, 0, 7, 7, 7, 'ann')",
        [
            {"name": "ready", "state": "ready", "pool": None, "warm": 0},
            {"name": "failed", "state": "failed", "pool": None, "warm": 0},
            {"name": "warm", "state": "provisioning", "pool": "p", "warm": 1},
        ],
    ),
    (
        "INSERT INTO volumes (id, workspace_id, name, size, wanted_size, storage_class, state, created_at, updated_at,"
        " created_by) VALUES (:name, 'w', :name, '1Gi', :wanted, 'x', :state, 7, 7, 'ann')",
        [
            {"name": "v-ready", "wanted": "5Gi", "state": "ready"},
            {"name": "v-failed", "wanted": None, "state": "failed"},
        ],
    ),
]


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/test.sqlite3"


async def test_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    database = Database(url_in(tmp_path))
    await migrate(database)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    assert await database.run_sync(differences) == []
    await database.close()


async def test_servers_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    databases = [Database(url_in(tmp_path)) for _ in range(4)]
    await asyncio.gather(*(migrate(database) for database in databases))
    await migrate(databases[0])
    for database in databases:
        await database.close()


async def test_a_write_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(url_in(tmp_path))
    await migrate(database)
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            session.add(Workspace(id=new_id(), name="w", created_at=0))
            await session.flush()
            raise ZeroDivisionError
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Workspace)) == 0
    await database.close()


async def test_a_read_sees_what_a_write_committed_and_nothing_before(tmp_path: Path) -> None:
    database = Database(url_in(tmp_path))
    await migrate(database)
    query = select(func.count()).select_from(Workspace)
    async with database.read() as reading:
        async with database.write() as writing:
            writing.add(Workspace(id=new_id(), name="w", created_at=0))
            await writing.flush()
            assert await reading.scalar(query) == 0
        assert await reading.scalar(query) == 1
    await database.close()


async def test_writers_take_turns(tmp_path: Path) -> None:
    """What a transaction read at its start is still true when it commits."""
    first, second = Database(url_in(tmp_path)), Database(url_in(tmp_path))
    await migrate(first)

    async def add(database: Database) -> None:
        async with database.write() as session:
            count = await session.scalar(select(func.count()).select_from(Workspace))
            await asyncio.sleep(0)
            session.add(Workspace(id=new_id(), name=f"w{count}", created_at=0))

    await asyncio.gather(*(add(database) for database in [first, second] * 20))
    async with first.read() as session:
        assert await session.scalar(select(func.count()).select_from(Workspace)) == 40
    await first.close()
    await second.close()


async def test_sqlite_is_set_up_to_be_shared_and_checked(tmp_path: Path) -> None:
    database = Database(url_in(tmp_path))
    await migrate(database)
    async with database.read() as session:
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await session.scalar(text("PRAGMA foreign_keys")) == 1
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            await session.execute(text("INSERT INTO template_mounts VALUES ('none', 0, 'none', '/data')"))
    await database.close()


async def test_what_lived_before_the_ledger_is_in_it_and_counts(tmp_path: Path) -> None:
    """Migration 0003 finds sandboxes and volumes that are held."""
    database = Database(url_in(tmp_path))

    def before(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for statement, rows in OLD_ROWS:
            connection.execute(text(statement), rows)
        connection.commit()

    await database.run_sync(before)
    await migrate(database)
    held = await quota.held(database, "w")
    assert (held.sandboxes, held.volumes, held.pools) == (3, 2, 1)
    assert (held.cpu_millis, held.memory_bytes, held.storage_bytes) == (1500, 2 << 30, (4 << 30) + (5 << 30))
    async with database.read() as session:
        found = (await session.scalars(select(Allocation).order_by(Allocation.subject_id))).all()
    assert [(row.subject_id, row.subject_kind, row.creator, row.started_at, row.ended_at) for row in found] == [
        ("ready", "sandbox", "ann", 7, None),
        ("v-ready", "volume", "ann", 7, None),
        ("warm", "warm", "pool:p", 7, None),
    ]
    await database.close()


async def test_a_sandbox_is_found_by_its_name_without_looking_at_the_others(tmp_path: Path) -> None:
    async with fresh_database("sqlite", tmp_path) as database:
        query = f"EXPLAIN QUERY PLAN {sandboxes._BY_NAME.compile(dialect=sqlite.dialect())}"
        unknown = tuple("x" * query.count("?"))
        rows = await database.run_sync(lambda connection: connection.exec_driver_sql(query, unknown).all())
    assert "uq_sandboxes_workspace_id_name (workspace_id=? AND name=?)" in rows[0][3]


async def test_running_commands_are_found_without_looking_at_those_that_have_ended(tmp_path: Path) -> None:
    async with fresh_database("sqlite", tmp_path) as database:
        query = f"EXPLAIN QUERY PLAN {commands._RUNNING.compile(dialect=sqlite.dialect())}"
        rows = await database.run_sync(lambda connection: connection.exec_driver_sql(query, ("ready",)).all())
    of_commands = [row[3] for row in rows if " commands " in row[3]]
    assert of_commands == ["SCAN commands USING INDEX ix_commands_running"]


async def test_a_read_that_is_given_up_leaves_nothing_open(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url or url_in(tmp_path))
    made = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n"
    given_up = 0
    for number in range(100):
        reading = asyncio.create_task(database.fetch_aside(text(made), {}))
        await asyncio.sleep(number / 10000)
        reading.cancel()
        await asyncio.wait({reading})
        given_up += reading.cancelled()
    assert given_up
    await database.close()
    gc.collect()  # what was left open would complain, and the test fail
