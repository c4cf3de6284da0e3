"""Measuring what sandboxes use: processor time for the ledger, and all of it over time for charts."""

from __future__ import annotations

import logging
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.repeating import repeat
from sandboxcore.server.services import ledger, readings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sqlalchemy import Row

    from sandboxcore.runtimes.base import Usage
    from sandboxcore.server.core import Core

    Measured = Sequence[tuple[Row[Any], Usage]]

log = logging.getLogger("sandboxd.sampler")
ACTOR = "system"
BATCH = 50
"""Sandboxes that are measured and written down together; no larger than ``MOST_USAGES``."""
ANSWER_SECONDS = 10.0
_READY = (
    select(Sandbox.workspace_id, Sandbox.id, Sandbox.warm)
    .where(Sandbox.state == "ready")
    .order_by(Sandbox.workspace_id, Sandbox.id)
)


async def sample(core: Core) -> None:
    """Measure every sandbox that is ready, once, for the ledger."""
    async for batch in _measure(core):
        totals: dict[str, dict[str, float]] = {}
        for row, usage in batch:
            if usage.cpu_seconds is not None:
                totals.setdefault(row.workspace_id, {})[row.id] = usage.cpu_seconds
        for workspace_id, its in totals.items():
            async with core.database.write(workspace_id) as session:
                await ledger.add_cpu(session, its)


async def _measure(core: Core) -> AsyncIterator[Measured]:
    """What every ready sandbox uses, some at a time, as far as the runtime can tell."""
    rows = await core.database.fetch_aside(_READY, {})
    for first in range(0, len(rows), BATCH):
        if core.runtime.problem is not None:
            return
        part = rows[first : first + BATCH]
        usages = await core.runtime.usages([row.id for row in part], within=ANSWER_SECONDS)
        yield [(row, usages[row.id]) for row in part if row.id in usages]


class Readings:
    """Measures in rounds, one server each, and remembers what it saw last, to know what was used since."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._last: dict[str, tuple[float, float]] = {}
        """When each sandbox was measured, and the seconds of processor time that it had used."""

    async def take(self) -> bool:
        """Measure everything once, if this round is not another server's; whether it was measured."""
        core = self._core
        interval = core.settings.readings_interval
        number = await readings.claim_round(core.database, actor=ACTOR, moment=now(), interval=interval)
        if number is None:
            return False
        seen: dict[str, tuple[float, float]] = {}
        sums: dict[str, dict[str, Any]] = {}
        async for batch in _measure(core):
            moment = now()
            mine = [(row, usage) for row, usage in batch if not row.warm]
            rows = [{"round": number, "sandbox_id": row.id, "at": moment, **asdict(usage)} for row, usage in mine]
            await readings.write_readings(core.database, actor=ACTOR, rows=rows)
            for row, usage in batch:
                self._add(sums, row, usage, moment)
                if usage.cpu_seconds is not None:
                    seen[row.id] = (moment, usage.cpu_seconds)
        self._last = seen
        rounds = [{"round": number, "workspace_id": workspace_id, **its} for workspace_id, its in sums.items()]
        await readings.write_sums(core.database, actor=ACTOR, rows=rounds)
        return True

    def _add(self, sums: dict[str, dict[str, Any]], row: Row[Any], usage: Usage, moment: float) -> None:
        fresh = {"at": moment, "cpu_millis": None, "memory_bytes": None, "sandboxes": 0, "warm": 0}
        its = sums.setdefault(row.workspace_id, fresh)
        its["warm" if row.warm else "sandboxes"] += 1
        if usage.memory_bytes is not None:
            its["memory_bytes"] = (its["memory_bytes"] or 0) + usage.memory_bytes
        then, had = self._last.get(row.id, (moment, 0.0))
        if usage.cpu_seconds is not None and moment > then and usage.cpu_seconds >= had:
            its["cpu_millis"] = (its["cpu_millis"] or 0) + round((usage.cpu_seconds - had) / (moment - then) * 1000)


async def keep_sampling(core: Core) -> None:
    """Measure every ``usage_interval`` seconds; runs until cancelled."""
    await repeat(partial(sample, core), every=core.settings.usage_interval, log=log, doing="measuring sandboxes")


async def keep_reading(core: Core) -> None:
    """Measure every ``readings_interval`` seconds, and forget what is old; runs until cancelled."""
    settings = core.settings
    kept = readings.Kept(settings.readings_fine_seconds, settings.readings_kept_seconds)
    rounds = Readings(core)

    async def read() -> None:
        if await rounds.take():
            await readings.forget_readings(core.database, actor=ACTOR, moment=now(), kept=kept)

    every = partial(_until_next, settings.readings_interval)
    await repeat(read, every=every, log=log, doing="measuring sandboxes over time")


def _until_next(interval: float) -> float:
    """Seconds until the next round is due: at the same moments on every server."""
    return interval - now() % interval
