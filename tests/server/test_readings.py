"""What sandboxes use over time: measured in rounds, told in steps, forgotten in time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from sandboxcore.runtimes.base import RuntimeUnavailableError, SandboxGoneError, Usage
from sandboxcore.server import sampler
from sandboxcore.server.db.models import Reading, ReadingRound, WorkspaceReading
from sandboxcore.server.sampler import Readings
from sandboxcore.server.services import metrics, readings
from sandboxcore.server.services.readings import Kept
from tests.server.fakes import FakeRuntime
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

BEGIN = 1_800_000_000.0
"""A full hour."""
NOTHING = Usage(None, None, None, None)


class Clock:
    """The time of the sampler and of what it is asked for, as the test says."""

    def __init__(self, moment: float) -> None:
        self.moment = moment

    def __call__(self) -> float:
        return self.moment


class Using(FakeRuntime):
    """Sandboxes use what the test says; others have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.use: dict[str, Usage] = {}
        self.asked = 0
        self.fails: Exception | None = None

    async def usage(self, sandbox_id: str) -> Usage:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        if sandbox_id not in self.use:
            raise SandboxGoneError(sandbox_id)
        return self.use[sandbox_id]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(BEGIN)
    monkeypatch.setattr(sampler, "now", made)
    monkeypatch.setattr(metrics, "now", made)
    monkeypatch.setattr(sampler, "_until_next", lambda _interval: 3600.0)
    return made


async def start(inside: Start, **settings: Any) -> tuple[Inside, Using]:
    """A server whose own rounds never come, with a template."""
    runtime = Using()
    return await with_template(inside, runtime, readings_interval=10, **settings), runtime


async def create(server: Inside, **body: Any) -> str:
    answer = await server.client.post("/boxes", json={"template_name": "t", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def told(server: Inside, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = await server.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    points: list[dict[str, Any]] = answer.json()["points"]
    return points


async def test_it_works(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    box = await create(server)
    rounds = Readings(server.core)
    runtime.use[box] = Usage(1.0, 100, 3, 1000, 0, 0.5, 0, 0)
    assert await rounds.take()
    clock.moment += 10
    runtime.use[box] = Usage(6.0, 200, 4, 2000, 2, 1.75, 5000, 100)
    assert await rounds.take()
    answer = (await server.client.get(f"/boxes/{box}/metrics", params={"step": 10})).json()
    assert answer["step_seconds"] == 10
    assert answer["to"] == "2027-01-15T08:00:10+00:00"
    assert answer["from"] == "2027-01-15T07:00:10+00:00"
    assert answer["limits"] == {"cpu_millis": 250, "memory_bytes": 64 << 20, "storage_bytes": 1 << 30, "pids": 512}
    first, second = answer["points"]
    assert (first["cpu_millis"], first["rx_bytes_per_second"]) == (None, None), "since when is not known"
    assert (first["memory_bytes"], first["oom_kills"], first["throttled_seconds"]) == (100, 0, 0.5)
    assert second == {
        "at": "2027-01-15T08:00:10+00:00",
        "cpu_millis": 500,
        "memory_bytes": 200,
        "storage_bytes": 2000,
        "pids": 4,
        "rx_bytes_per_second": 500,
        "tx_bytes_per_second": 10,
        "oom_kills": 2,
        "throttled_seconds": 1.25,
    }
    (_, sum_of_both) = await told(server, "/metrics", step=10)
    assert sum_of_both == {
        "at": "2027-01-15T08:00:10+00:00",
        "cpu_millis": 500,
        "memory_bytes": 200,
        "sandboxes": 1,
        "warm": 0,
    }


async def test_a_longer_step_has_the_sums_of_its_parts(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    box = await create(server)
    rounds = Readings(server.core)
    for count in range(19):
        runtime.use[box] = Usage(float(count), count, 1, 1, count)
        assert await rounds.take()
        clock.moment += 10
    clock.moment -= 10
    points = await told(server, f"/boxes/{box}/metrics", step=60)
    assert [point["cpu_millis"] for point in points] == [None, 100, 100, 100]
    assert [point["oom_kills"] for point in points] == [5, 6, 6, 1]
    assert [point["memory_bytes"] for point in points] == [5, 11, 17, 18]
    later = await told(server, f"/boxes/{box}/metrics", step=60, **{"from": "2027-01-15T08:01:00Z"})
    assert later == points[1:], "what lies before the span still tells the first difference"
    assert await told(server, f"/boxes/{box}/metrics", to="2027-01-15T07:59:59Z", step=60) == []
    assert [point["cpu_millis"] for point in await told(server, "/metrics", step=60)] == [100, 100, 100, 100]


async def test_what_a_runtime_cannot_tell_is_null_and_counts_that_begin_anew(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    silent, reset = await create(server), await create(server)
    rounds = Readings(server.core)
    for used in (10.0, 4.0, 5.0):
        runtime.use = {silent: NOTHING, reset: Usage(used, None, None, None, int(used))}
        assert await rounds.take()
        clock.moment += 10
    assert {
        value for point in await told(server, f"/boxes/{silent}/metrics") for value in list(point.values())[1:]
    } == {None}
    points = await told(server, f"/boxes/{reset}/metrics", step=10)
    assert [(point["cpu_millis"], point["oom_kills"]) for point in points] == [(None, 10), (None, None), (100, 1)]
    assert [point["cpu_millis"] for point in await told(server, "/metrics", step=10)] == [None, None, 100]


async def test_usage_is_told_with_sandboxes_where_it_is_asked_for(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    box, new = await create(server, name="box"), await create(server, name="new")
    rounds = Readings(server.core)
    for used in (1.0, 2.0):
        runtime.use[box] = Usage(used, 7, 8, 9)
        assert await rounds.take()
        clock.moment += 10
    held = {"cpu_millis": 250, "memory_bytes": 64 << 20, "storage_bytes": 1 << 30}
    lately = {"at": "2027-01-15T08:00:10+00:00", "cpu_millis": 100, "memory_bytes": 7, "pids": 8, "storage_bytes": 9}
    listed = (await server.client.get("/boxes", params={"include": "usage", "limit": 5})).json()["sandboxes"]
    assert [(each["id"], each["resources"], each["usage"]) for each in listed] == [
        (box, held, lately),
        (new, held, None),
    ]
    alone = (await server.client.get("/boxes/box", params={"include": "usage"})).json()
    assert (alone["resources"], alone["usage"]) == (held, lately)
    for path in ("/boxes", "/boxes?limit=5", "/boxes/box"):
        assert '"usage"' not in (await server.client.get(path)).text, path
    for path in ("/boxes", "/boxes/box"):
        assert (await server.client.get(path, params={"include": "all"})).status_code == 422
    clock.moment += 600
    assert (await server.client.get("/boxes/box", params={"include": "usage"})).json()["usage"] is None, "that was then"


async def test_a_page_goes_on_with_include(inside: Start, clock: Clock) -> None:
    server, _ = await start(inside)
    made = [await create(server) for _ in range(3)]
    first = (await server.client.get("/boxes", params={"include": "usage", "limit": 2})).json()
    query = {"include": "usage", "limit": 2, "cursor": first["next_cursor"]}
    second = (await server.client.get("/boxes", params=query)).json()
    assert [each["id"] for each in first["sandboxes"] + second["sandboxes"]] == made
    assert "resources" in second["sandboxes"][0]


async def test_warm_sandboxes_are_in_the_sum_alone(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    pool = {"name": "p", "template_name": "t", "replicas": 2}
    assert (await server.client.post("/pools", json=pool)).status_code == 201
    runtime.use = {made: Usage(0.0, 10, 1, 1) for made in runtime.made}
    assert await Readings(server.core).take()
    (point,) = await told(server, "/metrics")
    assert (point["sandboxes"], point["warm"], point["memory_bytes"]) == (0, 2, 20)
    async with server.core.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Reading)) == 0


async def test_an_ended_sandbox_is_told_by_its_identifier(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    box = await create(server, name="box")
    runtime.use[box] = Usage(1.0, 2, 3, 4)
    assert await Readings(server.core).take()
    assert (await server.client.delete("/boxes/box")).status_code == 204
    answer = (await server.client.get(f"/boxes/{box}/metrics")).json()
    assert [point["memory_bytes"] for point in answer["points"]] == [2]
    assert answer["limits"]["memory_bytes"] == 64 << 20
    assert (await server.client.get("/boxes/box/metrics")).status_code == 404


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"from": "2030-01-01T00:00:00Z"}, "from"),
        ({"to": "1960-01-01T00:00:00Z"}, "to"),
        ({"from": "2027-01-14T08:00:00Z", "step": "1"}, "step"),
        ({"step": "0"}, "step"),
        ({"step": "nan"}, "step"),
        ({"from": "yesterday"}, "from"),
    ],
)
async def test_what_cannot_be_asked_for(inside: Start, clock: Clock, query: dict[str, str], place: str) -> None:
    server, _ = await start(inside)
    box = await create(server)
    for path in ("/metrics", f"/boxes/{box}/metrics"):
        answer = await server.client.get(path, params=query)
        assert answer.status_code == 422, answer.text
        assert place in answer.json()["detail"][0]["loc"]


@pytest.mark.parametrize(("seconds", "step"), [(600, 10), (3600, 10), (7200, 20), (86400, 300), (40 * 86400, 10800)])
def test_the_step_that_is_taken_where_none_is_asked_for(clock: Clock, seconds: float, step: float) -> None:
    span = metrics.span_of(clock.moment - seconds, None, None, interval=10)
    assert span.step == step
    assert (span.end - span.start) / span.step <= metrics.DEFAULT_POINTS


async def test_of_two_servers_one_measures_each_round(inside: Start, clock: Clock) -> None:
    runtime = Using()
    first = await with_template(inside, runtime, readings_interval=10)
    second = await inside(runtime, readings_interval=10)
    box = await create(first)
    runtime.use[box] = Usage(1.0, 1, 1, 1)
    servers = Readings(first.core), Readings(second.core)
    for count in range(4):
        taken = [await each.take() for each in (servers if count % 2 else servers[::-1])]
        assert taken == [True, False]
        clock.moment += 10
        runtime.use[box] = Usage(1.0 + (count + 1), 1, 1, 1)
    async with first.core.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Reading)) == 4
    points = await told(second, f"/boxes/{box}/metrics", step=10)
    assert [point["cpu_millis"] for point in points] == [None, 100, 100, 100]
    # Whoever measures knows from his own rounds what was used since.
    assert [point["cpu_millis"] for point in await told(second, "/metrics", step=10)] == [None, None, 100, 100]


async def test_one_round_a_minute_is_kept_for_longer(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    box = await create(server)
    runtime.use[box] = Usage(1.0, 1, 1, 1)
    rounds, kept = Readings(server.core), Kept(fine=120, coarse=600)

    async def left() -> list[tuple[int, bool]]:
        rows = await server.core.database.fetch_all(select(ReadingRound.__table__).order_by(ReadingRound.number), {})
        return [(int(row.number / 1000 - BEGIN), row.coarse) for row in rows]

    for _ in range(19):
        assert await rounds.take()
        clock.moment += 10
    clock.moment -= 10
    assert [at for at, coarse in await left() if coarse] == [0, 60, 120, 180]
    await readings.forget_readings(server.core.database, actor="system", moment=clock.moment, kept=kept)
    assert [at for at, _ in await left()] == [0, *range(60, 190, 10)]
    clock.moment += 550
    await readings.forget_readings(server.core.database, actor="system", moment=clock.moment, kept=kept)
    assert await left() == [(180, True)]
    async with server.core.database.read() as session:
        for table in (Reading, WorkspaceReading):
            assert (await session.scalars(select(table.round))).all() == [int((BEGIN + 180) * 1000)]


async def test_many_readings_are_forgotten_some_at_a_time(
    inside: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "BATCH", 2)
    server, runtime = await start(inside)
    boxes = [await create(server) for _ in range(5)]
    runtime.use = {box: Usage(1.0, 1, 1, 1) for box in boxes}
    assert await Readings(server.core).take()
    clock.moment += 100
    await readings.forget_readings(server.core.database, actor="system", moment=clock.moment, kept=Kept(10, 10))
    async with server.core.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Reading)) == 0
        assert await session.scalar(select(func.count()).select_from(ReadingRound)) == 0


async def test_more_sandboxes_than_one_question_takes(
    inside: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "BATCH", 2)
    server, runtime = await start(inside)
    boxes = [await create(server) for _ in range(5)]
    runtime.use = {box: Usage(1.0, 1, 1, 1) for box in boxes[:4]}
    assert await Readings(server.core).take()
    (point,) = await told(server, "/metrics")
    assert (point["sandboxes"], point["memory_bytes"]) == (4, 4), "one is gone, and was not measured"


async def test_a_runtime_that_fails_ends_the_round_and_nothing_else(inside: Start, clock: Clock) -> None:
    server, runtime = await start(inside)
    box = await create(server)
    rounds = Readings(server.core)
    runtime.fails = RuntimeUnavailableError("gone", remedy="wait")
    assert await rounds.take()
    assert await told(server, "/metrics") == []
    runtime.fails = None
    runtime.use[box] = replace(NOTHING, memory_bytes=5)
    assert await server.core.runtime.attempt()
    clock.moment += 10
    assert await rounds.take()
    assert [point["memory_bytes"] for point in await told(server, f"/boxes/{box}/metrics")] == [5]
