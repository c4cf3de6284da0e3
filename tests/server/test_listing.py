"""Lists page by page against a naive model, on both databases, while rows come and go."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.engine import make_url

from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import migrate
from sandboxcore.server.db.models import Sandbox, Template, Workspace
from sandboxcore.server.services.cursors import BadCursorError, Cursor, Selection
from sandboxcore.server.services.listing import Page, PageQuery, page
from sandboxcore.server.services.lists import SANDBOXES
from tests.server.running import POSTGRES_URL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATES = ("alpha", "beta-2", "beta")
TEXTS = ("a", "A", "ab", "aB", "B", "a%", "a_b", "%", "_", "\\", "é", "É", "z-z", "zz", "", "a/b")
ROW = st.fixed_dictionaries(
    {
        "state": st.sampled_from(("provisioning", "ready", "failed")),
        "template": st.none() | st.sampled_from(TEMPLATES),
        "created_by": st.sampled_from(TEXTS),
        "created_at": st.sampled_from((1.0, 2.0, 2.000001, 1e9 + 1 / 3, 1.8e9)),
        "expires_at": st.none() | st.sampled_from((0.1 + 0.2, 0.3, 5.0)),
    }
)
PLAIN = {"state": "ready", "template": None, "created_at": 1.0, "expires_at": None}
SORTS = ("created_at", "expires_at", "name", "status", "template_name", "created_by")
COLUMN = {"status": "state", "template_name": "template"}
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(("provisioning", "ready", "failed")), min_size=1, max_size=2, unique=True),
        "template": st.lists(st.sampled_from((*TEMPLATES, "nothing")), min_size=1, max_size=2, unique=True),
        "created_by": st.lists(st.sampled_from(TEXTS[:-2]), min_size=1, max_size=3, unique=True),
    },
)


class Store:
    """A database, and a loop that it lives in."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.database = Database(url)
        self.run(migrate(self.database))

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.database.close())
        self.runner.close()


@pytest.fixture(scope="module", params=["sqlite", *(["postgresql"] if POSTGRES_URL else [])])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """SQLite, and a PostgreSQL whose own order of texts is that of English, not of bytes."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("listing")
        made = Store(f"sqlite:///{folder}/lists.sqlite3")
        yield made
        made.close()
        return
    import psycopg

    name = f"sandboxd_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        english = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        connection.execute(f'CREATE DATABASE "{name}" {english}')
        made = Store(
            make_url(POSTGRES_URL)
            .set(database=name, drivername="postgresql+psycopg")
            .render_as_string(hide_password=False)
        )
        yield made
        made.close()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class World:
    """A workspace of its own in the database, and the same rows in a list."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.workspace = str(uuid.uuid4())
        self.templates = {name: str(uuid.uuid4()) for name in TEMPLATES}
        self.model: list[dict[str, Any]] = []

    async def begin(self) -> None:
        limits = {"image": "host", "cpu": "1", "memory": "1Gi", "storage": "1Gi"}
        moments = {"created_at": 1.0, "updated_at": 1.0, "created_by": "x"}
        async with self.database.write() as session:
            session.add(Workspace(id=self.workspace, name=self.workspace, created_at=1.0))
            await session.flush()
            for name, identifier in self.templates.items():
                session.add(
                    Template(id=identifier, workspace_id=self.workspace, name=name, **limits, **moments)  # type: ignore[arg-type]
                )

    async def add(self, rows: list[dict[str, Any]]) -> None:
        new = [{**row, "id": str(uuid.uuid4()), "name": f"n{uuid.uuid4().hex[:6]}"} for row in rows]
        if not new:
            return
        self.model += new
        stored = [
            {
                **{key: value for key, value in row.items() if key != "template"},
                "workspace_id": self.workspace,
                "template_id": self.templates.get(row["template"]),
                "updated_at": 1.0,
                "last_activity_at": 1.0,
                "warm": False,
                "awaited": False,
                "ttl_seconds": 0,
                "idle_ttl_seconds": 0,
            }
            for row in new
        ]
        async with self.database.write() as session:
            await session.execute(insert(Sandbox), stored)

    async def drop(self, count: int) -> None:
        gone = [row["id"] for row in self.model[::2][:count]]
        self.model = [row for row in self.model if row["id"] not in gone]
        async with self.database.write() as session:
            await session.execute(delete(Sandbox).where(Sandbox.id.in_(gone)))

    async def page(self, query: PageQuery) -> Page:
        return await page(self.database, SANDBOXES, query, owner=self.workspace)

    def expected(self, chosen: Selection) -> list[str]:
        """The identifiers that the selection has now, in order."""
        rows = [row for row in self.model if fits(row, chosen)]
        field = chosen.sort.removeprefix("-")
        rows.sort(key=lambda row: (order(row[COLUMN.get(field, field)]), row["id"]))
        return [row["id"] for row in (reversed(rows) if chosen.sort.startswith("-") else rows)]


def fits(row: dict[str, Any], chosen: Selection) -> bool:
    searched = [row["name"], row["template"] or "", row["created_by"]]
    return all(row[COLUMN.get(name, name)] in values for name, values in chosen.filters if name == "created_by") and (
        all(row["state"] in values for name, values in chosen.filters if name == "status")
        and all(row["template"] in values for name, values in chosen.filters if name == "template")
        and any(lower(chosen.q) in lower(text) for text in searched)
    )


def lower(text: str) -> str:
    return text.encode().lower().decode()  # bytes know of no letters but those of ASCII


def order(value: Any) -> tuple[int, Any]:
    if value is None:
        return (1, 0)
    return (0, value.encode() if isinstance(value, str) else value)


def selection(sort: str, q: str, filters: dict[str, list[str]]) -> Selection:
    return Selection("sandboxes", sort, q, tuple(sorted((name, tuple(sorted(v))) for name, v in filters.items())))


SELECTIONS = st.builds(
    selection,
    st.sampled_from([sign + name for name in SORTS for sign in ("", "-")]),
    st.sampled_from(("", "", "a", "B", "%", "_", "\\", "É", "ET", "/")),
    FILTERS,
)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(ROW, max_size=25), chosen=SELECTIONS, limit=st.integers(1, 7), offset=st.integers(0, 30))
def test_a_walk_gives_what_a_naive_list_gives(
    store: Store, rows: list[dict[str, Any]], chosen: Selection, limit: int, offset: int
) -> None:
    async def walk() -> None:
        world = World(store.database)
        await world.begin()
        await world.add(rows)
        expected = world.expected(chosen)
        seen: list[str] = []
        query = PageQuery(chosen, limit)
        while True:
            found = await world.page(query)
            assert found.total == len(expected)
            assert len(found.rows) <= limit
            seen += [row.id for row in found.rows]
            if found.next_cursor is None:
                break
            query = PageQuery(chosen, limit, after=Cursor.parse(found.next_cursor))
        assert seen == expected
        skipped = await world.page(PageQuery(chosen, limit, offset, count=False))
        assert [row.id for row in skipped.rows] == expected[offset : offset + limit]
        assert skipped.total is None

    store.run(walk())


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(ROW, min_size=4, max_size=25),
    chosen=SELECTIONS,
    limit=st.integers(1, 4),
    changes=st.lists(st.tuples(st.lists(ROW, max_size=3), st.integers(0, 2)), max_size=6),
)
def test_what_is_there_all_along_is_seen_once_and_in_order(
    store: Store, rows: list[dict[str, Any]], chosen: Selection, limit: int, changes: list[Any]
) -> None:
    async def walk() -> None:
        world = World(store.database)
        await world.begin()
        await world.add(rows)
        before = set(world.expected(chosen))
        seen: list[str] = []
        query = PageQuery(chosen, limit)
        ahead = iter(changes)
        while True:
            found = await world.page(query)
            seen += [row.id for row in found.rows]
            if found.next_cursor is None:
                break
            query = PageQuery(chosen, limit, after=Cursor.parse(found.next_cursor))
            new, dropped = next(ahead, ([], 0))
            await world.add(new)
            await world.drop(dropped)
        assert len(seen) == len(set(seen))
        stayed = [identifier for identifier in world.expected(chosen) if identifier in before]
        assert [identifier for identifier in seen if identifier in stayed] == stayed

    store.run(walk())


@pytest.mark.parametrize("sort", ["created_by", "-created_by"])
@pytest.mark.parametrize("q", ["", "a", "É", "_"])
def test_text_is_bytes_to_every_database(store: Store, sort: str, q: str) -> None:
    async def walk() -> None:
        world = World(store.database)
        await world.begin()
        await world.add([{**PLAIN, "created_by": text} for text in TEXTS])
        chosen = Selection("sandboxes", sort, q)
        seen: list[str] = []
        query = PageQuery(chosen, 3)
        while True:
            found = await world.page(query)
            seen += [row.id for row in found.rows]
            if found.next_cursor is None:
                break
            query = PageQuery(chosen, 3, after=Cursor.parse(found.next_cursor))
        assert len(seen) >= (len(TEXTS) if not q else 1)
        assert seen == world.expected(chosen)

    store.run(walk())


KEYS = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.floats(
    allow_nan=False, allow_infinity=False
) | st.integers(-(2**63), 2**63 - 1)  # fmt: skip


@given(chosen=SELECTIONS, key=KEYS, identity=st.integers(0, 2**63 - 1) | st.uuids().map(str))
def test_a_cursor_comes_back_as_it_was(chosen: Selection, key: Any, identity: Any) -> None:
    cursor = Cursor(chosen, key, identity)
    again = Cursor.parse(cursor.text())
    assert again == cursor
    assert type(again.key) is type(key)


@given(text=st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(BadCursorError):
        Cursor.parse(text)


def test_a_cursor_of_another_version_is_none() -> None:
    import base64

    import orjson

    cursor = Cursor(Selection("sandboxes", "name"), "a", "b")
    state = orjson.loads(base64.urlsafe_b64decode(cursor.text() + "=" * (-len(cursor.text()) % 4)))
    for position, wrong in ((0, 2), (1, 7), (2, None), (3, "a\0"), (4, {"a": "b"}), (5, 2**63), (5, True), (6, None)):
        forged = [wrong if index == position else value for index, value in enumerate(state)]
        with pytest.raises(BadCursorError):
            Cursor.parse(base64.urlsafe_b64encode(orjson.dumps(forged)).decode())
    assert dataclasses.replace(cursor, key="c") != cursor
