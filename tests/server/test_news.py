"""Who is woken up by a commit, and by another process's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import select

from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import migrate
from sandboxcore.server.db.models import Workspace
from sandboxcore.server.services.events import Subject, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/x.sqlite3")
    await migrate(made)
    async with made.write() as session:
        for name in ("ours", "theirs"):
            session.add(Workspace(id=name, name=name, created_at=0.0))
    yield made
    await made.close()


async def happen(database: Database, workspace_id: str) -> None:
    async with database.write(workspace_id) as session:
        await record(session, Subject("template", "x", "x", workspace_id), "created", actor="test")


async def test_a_commit_wakes_its_workspace_alone(database: Database) -> None:
    with database.news.waiting("ours") as ours, database.news.waiting("theirs") as theirs:
        await happen(database, "ours")
        assert ours.is_set()
        assert not theirs.is_set()


async def test_everybody_who_waits_is_woken_once_it_is_committed(database: Database) -> None:
    with database.news.waiting("ours") as one, database.news.waiting("ours") as other:
        async with database.write("ours") as session:
            await record(session, Subject("template", "x", "x", "ours"), "created", actor="test")
            assert not one.is_set()
        assert one.is_set()
        assert other.is_set()


async def test_what_is_rolled_back_wakes_nobody(database: Database) -> None:
    with database.news.waiting("ours") as ours:
        with pytest.raises(ZeroDivisionError):
            async with database.write("ours") as session:
                await record(session, Subject("template", "x", "x", "ours"), "created", actor="test")
                raise ZeroDivisionError
        await happen(database, "theirs")
        assert not ours.is_set()


async def test_a_look_finds_what_another_process_wrote(database: Database) -> None:
    another = Database(database.url)
    with database.news.waiting("ours") as ours, database.news.waiting("theirs") as theirs:
        await database.news.look(database)
        ours.clear()
        theirs.clear()
        await happen(another, "ours")
        assert not ours.is_set()
        await database.news.look(database)
        assert ours.is_set()
        assert not theirs.is_set()
        ours.clear()
        await database.news.look(database)
        assert not ours.is_set(), "nothing has happened since the last look"
    await another.close()


async def test_nothing_stays_of_who_has_left(database: Database) -> None:
    with database.news.waiting("ours"):
        await database.news.look(database)
    await happen(database, "ours")
    await database.news.look(database)
    assert not vars(database.news)["_waiting"]
    assert not vars(database.news)["_seen"]


async def test_numbers_are_the_order_of_commits(database: Database) -> None:
    """A hundred writers of two workspaces, through two connections each."""
    another = Database(database.url)
    await asyncio.gather(
        *(happen(using, name) for using in (database, another) for name in ("ours", "theirs") for _ in range(25))
    )
    async with database.read() as session:
        assert list(await session.scalars(select(Workspace.event_count))) == [50, 50]
    await another.close()
