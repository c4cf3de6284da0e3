"""Usage over time, against a model that looks at every second."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from sandboxcore.server.db.models import Allocation, Workspace
from sandboxcore.server.errors import InvalidError
from sandboxcore.server.names import new_id
from sandboxcore.server.services import usage
from sandboxcore.server.services.usage import AMOUNTS, OTHERS, VOLUMES, By, Report, Step, report, span_of
from tests.server.conftest import DATABASES
from tests.server.databases import fresh_database
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from sandboxcore.server.db.engine import Database
    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]
    Run = Callable[[Any], Any]

NOW = 120
WIDTHS = {"hour": 7.0, "day": 30.0}


@dataclass(frozen=True)
class Held:
    """A holding; moments are whole seconds."""

    kind: str
    template: str
    creator: str
    start: int
    end: int | None
    cpu_millis: int
    memory: int
    storage: int
    cpu_used: float

    @property
    def until(self) -> int:
        return NOW if self.end is None else self.end

    def group(self, by: By) -> str | None:
        if by == "creator":
            return self.creator
        return (VOLUMES if self.kind == "volume" else self.template) if by == "template" else None

    def rates(self) -> dict[str, float]:
        """What each second adds."""
        whole = self.until - self.start
        return {
            "sandbox_seconds": float(self.kind != "volume"),
            "cpu_seconds": self.cpu_millis / 1000,
            "cpu_used_seconds": self.cpu_used / whole if whole else 0.0,
            "memory_byte_seconds": self.memory,
            "storage_byte_seconds": self.storage,
        }


@st.composite
def holdings(draw: st.DrawFn) -> Held:
    kind = draw(st.sampled_from(["sandbox", "warm", "volume"]))
    start = draw(st.integers(0, NOW))
    return Held(
        kind=kind,
        template="" if kind == "volume" else draw(st.sampled_from(["python", "node"])),
        creator="pool:p" if kind == "warm" else draw(st.sampled_from(["ann", "bob"])),
        start=start,
        end=draw(st.none() | st.integers(start, NOW)),
        cpu_millis=0 if kind == "volume" else draw(st.integers(10, 16000)),
        memory=0 if kind == "volume" else draw(st.integers(1, 2**36)),
        storage=draw(st.integers(1, 2**38)),
        cpu_used=draw(st.integers(0, 10**9)) / 1000,
    )


Cells = dict[tuple[float, str | None], dict[str, float]]


def modelled(held: Sequence[Held], start: int, end: int, step: Step, by: By) -> Cells:
    """Second by second, by the beginning of the bucket and the group."""
    cells: Cells = defaultdict(lambda: dict.fromkeys((*AMOUNTS, "started"), 0.0))

    def bucket(second: int) -> float:
        return start if step == "total" else max(start, second // WIDTHS[step] * WIDTHS[step])

    for each in held:
        for second in range(max(each.start, start), min(each.until, end)):
            for name, rate in each.rates().items():
                cells[bucket(second), each.group(by)][name] += rate
        if each.kind == "sandbox" and start <= each.start < end:
            cells[bucket(each.start), each.group(by)]["started"] += 1
    return {key: amounts for key, amounts in cells.items() if any(amounts.values())}


def found(made: Report) -> Cells:
    return {(each.start, each.group): {**each.amounts, "started": float(each.sandboxes_started)} for each in made.usage}


def assert_same(one: Cells, other: Cells) -> None:
    assert one.keys() == other.keys()
    for key, amounts in one.items():
        for name, value in amounts.items():
            assert math.isclose(value, other[key][name], rel_tol=1e-9, abs_tol=1e-6), (key, name)


@pytest.fixture(scope="module", params=DATABASES)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Run]]:
    """A database with what runs coroutines on it."""
    with asyncio.Runner() as runner:
        opened = fresh_database(request.param, tmp_path_factory.mktemp("usage"))
        yield runner.run(opened.__aenter__()), runner.run
        runner.run(opened.__aexit__(None, None, None))


async def workspace_with(database: Database, held: Sequence[Held]) -> str:
    workspace_id = new_id()
    async with database.write() as session:
        session.add(Workspace(id=workspace_id, name=workspace_id, created_at=0))
        await session.flush()
        for each in held:
            values = {
                "id": new_id(),
                "workspace_id": workspace_id,
                "subject_kind": each.kind,
                "subject_id": new_id(),
                "template_name": each.template,
                "creator": each.creator,
                "cpu_millis": each.cpu_millis,
                "memory_bytes": each.memory,
                "storage_bytes": each.storage,
                "started_at": each.start,
                "ended_at": each.end,
                "cpu_used_seconds": each.cpu_used,
            }
            await session.execute(insert(Allocation).values(values))
    return workspace_id


def ask(run: Run, database: Database, workspace_id: str, start: int, end: int, step: Step, by: By) -> Cells:
    with patch.dict(usage.SECONDS, WIDTHS), patch.object(usage, "now", lambda: float(NOW)):
        return found(run(report(database, workspace_id=workspace_id, start=start, end=end, step=step, by=by)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    held=st.lists(holdings(), max_size=12),
    bounds=st.tuples(st.integers(0, NOW), st.integers(0, NOW)).filter(lambda pair: pair[0] < pair[1]),
    by=st.sampled_from(["none", "template", "creator"]),
)
def test_usage_is_what_counting_every_second_gives(
    database: tuple[Database, Run], held: list[Held], bounds: tuple[int, int], by: By
) -> None:
    opened, run = database
    start, end = bounds
    workspace_id = run(workspace_with(opened, held))
    steps: tuple[Step, ...] = ("hour", "day", "total")
    for step in steps:
        cells = ask(run, opened, workspace_id, start, end, step, by)
        assert_same(cells, modelled(held, start, end, step, by))
        if step == "total":
            continue
        together: Cells = defaultdict(lambda: dict.fromkeys((*AMOUNTS, "started"), 0.0))
        for (_, group), amounts in cells.items():
            for name, value in amounts.items():
                together[start, group][name] += value
        assert_same(dict(together), ask(run, opened, workspace_id, start, end, "total", by))


def test_small_groups_are_put_together(database: tuple[Database, Run]) -> None:
    opened, run = database
    one = Held("sandbox", "t", "c", 0, 10, 1000, 1, 1, 0)
    held = [Held(**{**one.__dict__, "creator": f"c{i:02}", "end": 10 + i}) for i in range(usage.MOST_GROUPS + 3)]
    workspace_id = run(workspace_with(opened, held))
    cells = ask(run, opened, workspace_id, 0, NOW, "total", "creator")
    assert len(cells) == usage.MOST_GROUPS + 1
    assert cells[0, OTHERS]["sandbox_seconds"] == 10 + 11 + 12
    assert (0, "c02") not in cells
    assert cells[0, "c03"]["sandbox_seconds"] == 13


def test_another_workspace_is_not_seen(database: tuple[Database, Run]) -> None:
    opened, run = database
    run(workspace_with(opened, [Held("sandbox", "t", "c", 0, None, 1, 1, 1, 0)]))
    empty = run(workspace_with(opened, []))
    assert ask(run, opened, empty, 0, NOW, "total", "none") == {}


def test_what_may_be_asked_for() -> None:
    day = 86400.0
    moment = 1000 * day + 1
    assert span_of(None, None, "day", moment).start == moment - 30 * day
    assert span_of(None, None, "hour", moment).start == moment - day
    assert span_of(0, moment + day, "total", moment).end == moment
    assert span_of(-5, None, "total", moment).start == 0
    for start, end in [(moment, None), (5.0, 5.0), (moment + 9, moment + 10)]:
        with pytest.raises(InvalidError, match="before"):
            span_of(start, end, "day", moment)
    with pytest.raises(InvalidError, match="1001 steps; the most is 800"):
        span_of(0, None, "day", moment)
    assert span_of(moment - 799 * day, None, "day", moment).count == 800


async def test_much_is_read_without_holding_up_the_loop(tmp_path: Path) -> None:
    """On SQLite the sum runs in a thread: others go on meanwhile."""
    async with fresh_database("sqlite", tmp_path) as opened:
        held = [Held("sandbox", "t", "c", i % 100, 100 + i % 20, 1, 1, 1, 0) for i in range(2000)]
        workspace_id = await workspace_with(opened, held)
        made = asyncio.create_task(report(opened, workspace_id=workspace_id, start=0.0, end=200.0, step="total"))
        turns = 0
        while not made.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 2
        assert made.result().usage[0].sandboxes_started == 2000


async def test_usage_over_the_api(inside: Start) -> None:
    server = await with_template(inside)
    made = await server.client.post(
        "/boxes", json={"template_name": "t"}, headers={"X-Sandbox-Actor": "ann@example.com"}
    )
    await server.client.post("/volumes", json={"name": "v", "size": "1Gi"})
    moment = datetime.fromisoformat(made.json()["created_at"])
    answer = await server.client.get("/usage", params={"by": "creator", "step": "hour"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["step"], body["by"]) == ("hour", "creator")
    assert datetime.fromisoformat(body["to"]) - datetime.fromisoformat(body["from"]) == timedelta(days=1)
    row = next(row for row in body["usage"] if row["group"] == "ann@example.com")
    assert datetime.fromisoformat(row["from"]) <= moment < datetime.fromisoformat(row["to"])
    assert row["sandboxes_started"] == 1
    assert row["sandbox_seconds"] > 0
    assert row["cpu_seconds"] == pytest.approx(row["sandbox_seconds"] / 4)
    assert row["storage_byte_seconds"] == pytest.approx(row["sandbox_seconds"] * 2**30)
    by_template = (await server.client.get("/usage", params={"by": "template", "step": "total"})).json()["usage"]
    assert {row["group"] for row in by_template} == {"t", VOLUMES}
    before = {"from": "2020-01-01T00:00:00", "to": "2020-01-02T00:00:00+00:00"}
    found = (await server.client.get("/usage", params=before)).json()
    assert found["usage"] == []
    assert found["from"] == "2020-01-01T00:00:00+00:00"


BAD = [
    ({"step": "minute"}, ["query", "step"]),
    ({"by": "colour"}, ["query", "by"]),
    ({"from": "yesterday"}, ["query", "from"]),
    ({"from": "2030-01-01", "to": "2029-01-01"}, ["query", "from"]),
    ({"from": "2020-01-01", "step": "hour"}, ["query", "step"]),
    ({"to": "0001-01-01T00:00:00+23:59"}, ["query", "to"]),
    ({"to": "1969-12-31", "step": "total"}, ["query", "to"]),
]


@pytest.mark.parametrize(("parameters", "loc"), BAD)
async def test_bad_questions(inside: Start, parameters: dict[str, str], loc: list[str]) -> None:
    server = await inside()
    answer = await server.client.get("/usage", params=parameters)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == loc
