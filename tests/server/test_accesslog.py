"""Uses of sandboxes that are gathered in memory: counted where they are many, bounded, and not lost by a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from sandboxcore.server import accesslog
from sandboxcore.server.db.models import Access, Sandbox
from sandboxcore.server.services import accesses
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


class Used:
    """A sandbox of an application, and its uses."""

    def __init__(self, app: Inside, box: dict[str, Any], workspace_id: str) -> None:
        self.app = app
        self.box = box
        self._workspace_id = workspace_id

    def note(self, kind: str = "file.written", actor: str = "ann", **details: Any) -> None:
        self.app.core.accesses.note_of(self.box["id"], self._workspace_id, actor, kind, **details)

    async def rows(self) -> list[Any]:
        await self.app.core.accesses.write_down()
        query = select(Access.__table__).where(Access.sandbox_id == self.box["id"]).order_by(Access.at, Access.id)
        return list(await self.app.core.database.fetch_all(query, {}))


async def used_box(inside: Start) -> Used:
    app = await with_template(inside)
    box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    row = await app.core.database.fetch_one(select(Sandbox.workspace_id).where(Sandbox.id == box["id"]), {})
    assert row is not None
    return Used(app, box, row[0])


async def test_it_works(inside: Start) -> None:
    used = await used_box(inside)
    used.note(size=5, paths="/a")
    [row] = await used.rows()
    assert (row.kind, row.actor, row.count, row.bytes) == ("file.written", "ann", 1, 5)
    assert row.data == '{"paths":["/a"]}'


async def test_a_thousand_are_one_that_counts(inside: Start) -> None:
    used = await used_box(inside)
    for number in range(1000):
        used.note(size=2, paths=f"/{number}")
        if number % 250 == 0:
            await used.rows()
    [row] = await used.rows()
    assert (row.count, row.bytes, row.data) == (1000, 2000, '{"paths":["/0","/1","/2"]}')


async def test_other_people_and_other_kinds_are_apart(inside: Start) -> None:
    used = await used_box(inside)
    used.note()
    used.note(actor="bob")
    used.note("file.read")
    assert sorted((row.kind, row.actor) for row in await used.rows()) == [
        ("file.read", "ann"),
        ("file.written", "ann"),
        ("file.written", "bob"),
    ]


@pytest.mark.parametrize("limit", ["QUIET_SECONDS", "LONGEST_SECONDS"])
async def test_later_ones_begin_a_new_entry(inside: Start, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    used = await used_box(inside)
    used.note()
    monkeypatch.setattr(accesslog, limit, -1)
    used.note()
    assert [row.count for row in await used.rows()] == [1, 1]


async def test_what_could_not_be_written_is_written_later(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    used = await used_box(inside)
    used.note()

    async def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(accesses, "write_down", fail)
        with pytest.raises(OSError, match="full"):
            await used.app.core.accesses.write_down()
    used.note()
    [row] = await used.rows()
    assert row.count == 2


async def test_memory_is_bounded(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    used = await used_box(inside)
    monkeypatch.setattr(accesslog, "MOST_OPEN", 3)
    for number in range(10):
        used.note(actor=f"a{number}")
    assert [row.actor for row in await used.rows()] == ["a7", "a8", "a9"]


async def test_nothing_is_kept_of_a_sandbox_that_nobody_knows(inside: Start) -> None:
    used = await used_box(inside)
    used.box["id"] = "00000000-0000-0000-0000-000000000000"
    used.note()
    assert await used.rows() == []


async def test_the_newest_are_kept(inside: Start) -> None:
    used = await used_box(inside)
    for number in range(6):
        used.note(actor=f"a{number}")
    await used.rows()
    await accesses.trim(used.app.core.database, [used.box["id"]], most=4)
    assert sorted(row.actor for row in await used.rows()) == ["a2", "a3", "a4", "a5"]


async def test_old_entries_leave_memory(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    used = await used_box(inside)
    used.note()
    monkeypatch.setattr(accesslog, "LONGEST_SECONDS", -1)
    await used.rows()
    assert not used.app.core.accesses._open  # what else would show it is memory
