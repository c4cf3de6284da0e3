"""Keeping pools as full as they are wanted: refilled at once after a claim, with growing pauses when starts fail."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sandboxcore.server.services import pools, sandboxes

if TYPE_CHECKING:
    from sandboxcore.server.core import Core
    from sandboxcore.server.services.pools import PoolState

log = logging.getLogger("sandboxd.pools")
ACTOR = "system"
LOOK_SECONDS = 1.0
"""Between two looks when nobody kicks."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
MOST_STARTS = 4
"""Most sandboxes of one pool that start at a time, so that filling does not crowd out who waits for a cold start."""


class PoolKeeper:
    """Fills, shrinks and mends pools."""

    def __init__(self) -> None:
        self._kicked = asyncio.Event()
        self._pauses: dict[str, tuple[float, float]] = {}
        """For a pool whose starts fail: its present pause, and the moment until which it is left alone."""

    def kick(self) -> None:
        """Something about a pool has changed: look now."""
        self._kicked.set()

    async def keep(self, core: Core) -> None:
        """Look whenever kicked, and every ``LOOK_SECONDS``; runs until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._kicked.wait()
            except TimeoutError:
                pass  # time for a look of its own accord
            self._kicked.clear()
            try:
                await self.look(core)
            except Exception:  # the next look must come whatever this one met
                log.exception("keeping pools failed")

    async def look(self, core: Core) -> None:
        """Bring every pool one step nearer to what is wanted."""
        if core.runtime.problem is not None:
            return
        states = await pools.pool_states(core.database)
        for pool in states:
            await self._tend(core, pool)
        for gone in self._pauses.keys() - {pool.id for pool in states}:
            del self._pauses[gone]

    async def _tend(self, core: Core, pool: PoolState) -> None:
        failure = await pools.failure_of(core.database, pool)
        if failure is not None or pool.living > pool.replicas:
            surplus = pool.living - pool.replicas
            for sandbox_id in await pools.drop_warm(core.database, actor=ACTOR, pool=pool, surplus=surplus):
                await core.starter.end(sandbox_id)
        if failure is not None:
            self._pause(pool)
            await pools.set_message(core.database, actor=ACTOR, pool=pool, message=failure)
            log.warning("pool %s: a warm sandbox failed: %s", pool.id, failure)
        elif pool.status_message is not None and pool.id not in self._pauses:
            await pools.set_message(core.database, actor=ACTOR, pool=pool, message=None)
        if pool.living < pool.replicas and not self._paused(pool):
            await self._fill(core, pool)

    def _pause(self, pool: PoolState) -> None:
        last, _ = self._pauses.get(pool.id, (FIRST_PAUSE / 2, 0.0))
        pause = min(last * 2, LONGEST_PAUSE)
        self._pauses[pool.id] = (pause, asyncio.get_running_loop().time() + pause)

    def _paused(self, pool: PoolState) -> bool:
        return self._pauses.get(pool.id, (0.0, 0.0))[1] > asyncio.get_running_loop().time()

    async def _fill(self, core: Core, pool: PoolState) -> None:
        for _ in range(min(pool.replicas - pool.living, MOST_STARTS)):
            sandbox_id = await pools.add_warm(
                core.database, actor=ACTOR, pool=pool, starter=core.starter.id
            )
            sandbox = await sandboxes.load_for_start(core.database, sandbox_id) if sandbox_id else None
            if sandbox is None:
                return
            start = core.starter.start(sandbox)
            start.add_done_callback(
                lambda done: self._started(pool.id, failed=done.cancelled() or bool(done.result().kind))
            )

    def _started(self, pool_id: str, *, failed: bool) -> None:
        if not failed:
            self._pauses.pop(pool_id, None)
        self.kick()
