"""Keeping pools as full as they are wanted, by all servers that share the database together."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from sandboxcore.server.dataplane.shim_client import listens
from sandboxcore.server.repeating import attempt, repeat
from sandboxcore.server.services import filling, sandboxes
from sandboxcore.server.services.pools import DIED_WARM
from sandboxcore.server.waiting import woken

if TYPE_CHECKING:
    from sandboxcore.server.core import Core
    from sandboxcore.server.services.filling import PoolState
    from sandboxcore.server.services.starting import Outcome

log = logging.getLogger("sandboxd.pools")
ACTOR = "system"
LOOK_SECONDS = 1.0
"""Between two looks when nobody kicks."""
REFILL_DELAY = 0.08
"""Seconds from a claim to the look that refills: the claimant's first command goes before it."""
MOST_STARTS = 4
"""Most warm sandboxes that this process starts at a time, of all pools together."""
MOST_STARTS_BESIDE_COLD = 1
"""The same while somebody waits for a cold start."""
HEALTH_BATCH = 200


class PoolKeeper:
    """Fills, shrinks and mends pools."""

    def __init__(self) -> None:
        self._kicked = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._running = 0
        """Warm starts that this process runs now."""
        self._last_served = ""
        self._freed = False
        self._looked_at = ""
        """The warm sandbox whose health was looked at last."""

    def kick(self) -> None:
        """Something about a pool has changed: look now."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._kicked.set()

    def kick_soon(self) -> None:
        """A sandbox was made of a template with a pool: look in a moment."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(REFILL_DELAY, self.kick)

    def freed(self, _sandbox_id: str) -> None:
        """A sandbox has ended: what it held may be had by a pool that met a limit."""
        self._freed = True
        self.kick_soon()

    async def keep(self, core: Core) -> None:
        """Look whenever kicked, and every ``LOOK_SECONDS``; runs until cancelled."""
        while True:
            await woken(self._kicked, LOOK_SECONDS)
            self._kicked.clear()
            await attempt(partial(self.look, core), log=log, doing="keeping pools")

    async def look(self, core: Core) -> None:
        """Bring every pool one step nearer to what is wanted."""
        if core.runtime.problem is not None:
            return
        freed, self._freed = self._freed, False
        states = await filling.unsettled(core.database, max_age=core.settings.pool_max_age)
        for pool in states:
            await self._settle(core, pool)
        await self._fill(core, [pool for pool in states if pool.living < pool.replicas], was_freed=freed)

    async def _settle(self, core: Core, pool: PoolState) -> None:
        """Remove what should not be there, and take back what is no longer true."""
        dropped: list[str] = []
        max_age = core.settings.pool_max_age
        if pool.failed:
            dropped += await filling.drop_failed(core.database, actor=ACTOR, pool=pool)
            if dropped:  # else another server was first
                log.warning("pool %s: %d of its warm sandboxes failed", pool.id, len(dropped))
        if pool.living > pool.replicas:
            dropped += await filling.drop_surplus(core.database, actor=ACTOR, pool=pool)
        elif pool.aged and pool.is_full:
            dropped += await filling.drop_oldest(core.database, actor=ACTOR, pool=pool, max_age=max_age)
        elif filling.has_to_say_full(pool):
            await filling.say_full(core.database, actor=ACTOR, pool=pool)
        for sandbox_id in dropped:
            core.starter.end_soon(sandbox_id)
        if dropped:
            self.kick()

    async def _fill(self, core: Core, pools: list[PoolState], *, was_freed: bool) -> None:
        """Start one of each pool in turn, for as long as there is room; the next look begins with the next pool."""
        turn = deque(sorted(pools, key=lambda pool: (pool.id <= self._last_served, pool.id)))
        while turn and self._has_room(core):
            pool = turn.popleft()
            sandbox = await filling.add_warm(
                core.database, actor=ACTOR, pool=pool, starter=core.starter.id, was_freed=was_freed
            )
            if sandbox is None:
                continue
            self._last_served = pool.id
            self._running += 1
            core.starter.start(sandbox).add_done_callback(self._started)
            turn.append(pool)

    def _has_room(self, core: Core) -> bool:
        cold = core.starter.under_way > self._running
        return self._running < (MOST_STARTS_BESIDE_COLD if cold else MOST_STARTS)

    def _started(self, start: asyncio.Task[Outcome]) -> None:
        self._running -= 1
        self.kick()
        error = None if start.cancelled() else start.exception()
        if error is not None:
            log.error("a warm start broke off; it is taken up when its lease is over", exc_info=error)

    async def keep_healthy(self, core: Core) -> None:
        """Look after warm sandboxes every ``pool_health_interval`` seconds; runs until cancelled."""
        every, doing = core.settings.pool_health_interval, "looking after warm sandboxes"
        await repeat(partial(self.check_health, core), every=every, log=log, doing=doing)

    async def check_health(self, core: Core) -> None:
        """Mark warm sandboxes failed whose shim is gone; ``HEALTH_BATCH`` of them a call, in turn."""
        if core.runtime.problem is not None:
            return
        batch = await filling.warm_ready(core.database, after=self._looked_at, limit=HEALTH_BATCH)
        self._looked_at = batch[-1][0] if len(batch) == HEALTH_BATCH else ""
        for sandbox_id, shim_socket in batch:
            if not listens(shim_socket):
                await sandboxes.mark_failed(
                    core.database,
                    actor=ACTOR,
                    sandbox_id=sandbox_id,
                    kind="CrashLoop",
                    message=DIED_WARM,
                    stop_reason="died",
                )
                self.kick()
