"""Asking shims for their commands: again where that failed, and no more than must be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.server import commandlog
from sandboxcore.server.auth import Caller
from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.commands import start_message
from sandboxcore.server.dataplane.shim_client import ShimUnreachableError
from sandboxcore.server.dataplane.shim_history import Told
from sandboxcore.server.dataplane.target import Target
from sandboxcore.server.services import commands
from sandboxcore.shim.requests import parse_start
from tests.server.test_box_timeline import entry, place_of
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandboxcore.server.services.commands import Place
    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


class Shims:
    """What every shim answers, and which numbers it was asked after."""

    def __init__(self) -> None:
        self.answers: list[Told | Exception] = []
        self.asked: list[int] = []

    async def ask(self, _path: str, *, after: int, held: bool = False) -> Told:
        del held
        self.asked.append(after)
        answer = self.answers.pop(0) if self.answers else Told([], frozenset())
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def shims(monkeypatch: pytest.MonkeyPatch) -> Shims:
    made = Shims()
    monkeypatch.setattr(commandlog, "ask", made.ask)
    monkeypatch.setattr(commandlog, "_pause", lambda _: -1.0)
    return made


async def used(app: Inside) -> Place:
    """A sandbox in which a command has begun."""
    box = (await app.client.post("/boxes", json={"template_name": "t"})).json()
    place = await place_of(app, box["id"])
    caller = Caller(place.workspace_id, "k", frozenset({"run"}), acts_for_people=False, actor="ann")
    app.core.commands.touch(Target(place.sandbox_id, box["name"], place.shim_socket, caller))
    return place


async def status(app: Inside, place: Place) -> str | None:
    answer = await app.client.get(f"/boxes/{place.sandbox_id}/commands/c")
    return answer.json()["status"] if answer.status_code == 200 else None


async def test_it_works(inside: Start, shims: Shims) -> None:
    app = await with_template(inside)
    place = await used(app)
    shims.answers = [Told([entry("c", now(), None)], frozenset({"c"}))]
    await app.core.commands.write_down()
    shims.answers = [Told([], frozenset({"c"}))]
    assert await status(app, place) == "running"
    assert shims.asked[-1] == 1  # what was written down is acknowledged


async def test_a_shim_that_was_too_busy_is_asked_again(inside: Start, shims: Shims) -> None:
    app = await with_template(inside)
    place = await used(app)
    shims.answers = [TimeoutError(), Told([entry("c", now(), now())], frozenset())]
    await app.core.commands.write_down()
    await app.core.commands.write_down()
    assert await status(app, place) == "exited"
    count = len(shims.asked)
    await app.core.commands.write_down()
    assert len(shims.asked) == count


async def test_what_could_not_be_written_is_told_again(
    inside: Start, shims: Shims, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await with_template(inside)
    place = await used(app)

    async def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    shims.answers = [Told([entry("c", now(), now())], frozenset())] * 2
    with monkeypatch.context() as broken:
        broken.setattr(commands, "write_down", fail)
        with pytest.raises(OSError, match="full"):
            await app.core.commands.write_down()
    await app.core.commands.write_down()
    assert shims.asked[-2:] == [0, 0]
    assert await status(app, place) == "exited"


async def test_a_command_that_its_shim_never_heard_of_is_lost(inside: Start, shims: Shims) -> None:
    app = await with_template(inside)
    place = await used(app)
    await commands.write_down(app.core.database, [(place, [entry("c", now(), None)])])
    shims.answers = [ShimUnreachableError("not now")]
    await app.core.commands.watch()
    await app.core.commands.watch()
    assert await status(app, place) == "lost"


async def test_what_runs_is_watched_until_it_has_ended(inside: Start, shims: Shims) -> None:
    app = await with_template(inside)
    place = await used(app)
    await commands.write_down(app.core.database, [(place, [entry("c", now(), None)])])
    shims.answers = [Told([], frozenset({"c"})), Told([entry("c", now(), now(), number=2)], frozenset())]
    await app.core.commands.watch()
    await app.core.commands.watch()
    count = len(shims.asked)
    await app.core.commands.watch()
    assert len(shims.asked) == count  # nothing runs: nobody is asked
    assert await status(app, place) == "exited"


async def test_the_last_look_keeps_no_sandbox(inside: Start, shims: Shims) -> None:
    app = await with_template(inside)
    place = await used(app)
    shims.answers = [Told([{"number": "nonsense"}], frozenset())]
    async with asyncio.timeout(10):
        assert (await app.client.delete(f"/boxes/{place.sandbox_id}")).status_code == 204
    assert shims.asked


def test_the_longest_names_fit_into_what_a_shim_takes() -> None:
    caller = Caller("w", "k" * 36, frozenset({"run"}), acts_for_people=True, actor="\U0001f600" * 200)
    env = {"\U0001f600" * 10 + str(number): "x" for number in range(100)}
    message = start_message({"command": "é" * 9000, "env": env}, caller)
    start = parse_start(message, default_ttl=1)
    assert start.recorded
    assert start.meta["cut"]
    assert len(start.label.encode()) <= 4096
    assert "x" not in str(start.meta["env"])


@pytest.mark.parametrize(("age", "pause"), [(0, 3), (100, 10), (10_000, 60)])
def test_long_runs_are_asked_about_less_often(age: float, pause: float) -> None:
    place = commands.Place("s", "w", "/nowhere")
    watched = commands.Watched(place, frozenset({"c"}), now() - age)
    assert commandlog._pause(watched) == pytest.approx(pause, abs=0.1)
