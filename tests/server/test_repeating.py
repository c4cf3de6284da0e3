"""Background work goes on whatever became of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sandboxcore.server.repeating import Due, attempt, repeat
from sandboxcore.server.waiting import woken

log = logging.getLogger("sandboxd.test")


async def test_it_works_again_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    times = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise RuntimeError("the first time fails")
        if times == 3:
            enough.set()

    task = asyncio.create_task(repeat(work, every=0, log=log, doing="counting"))
    await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.getMessage() for record in caplog.records] == ["counting failed"]


async def test_a_pause_may_change() -> None:
    asked: list[float] = []
    enough = asyncio.Event()

    def every() -> float:
        asked.append(0)
        return asked[-1]

    async def work() -> None:
        if len(asked) == 2:
            enough.set()

    task = asyncio.create_task(repeat(work, every=every, log=log, doing="counting"))
    await enough.wait()
    task.cancel()


async def test_the_end_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await attempt(work, log=log, doing="counting")
    assert not caplog.records


async def test_what_is_due_is_due_once() -> None:
    now, later = Due(3600, at_once=True), Due(3600)
    assert [now(), now(), later()] == [True, False, False]
    always = Due(0)
    assert [always(), always()] == [True, True]


async def test_an_event_is_waited_for_and_not_for_ever() -> None:
    event = asyncio.Event()
    assert not await woken(event, 0.001)
    event.set()
    assert await woken(event, 0)
