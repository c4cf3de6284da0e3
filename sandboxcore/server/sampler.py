"""Measuring how much processor time sandboxes use, for the ledger."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.services import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore.server.core import Core

log = logging.getLogger("sandboxd.sampler")
BATCH = 50
"""Sandboxes that are measured and written down together."""
AT_A_TIME = 4
"""Questions to the runtime at a time, so that nobody else's wait long behind them."""
ANSWER_SECONDS = 5.0
_READY = (
    select(Sandbox.workspace_id, Sandbox.id).where(Sandbox.state == "ready").order_by(Sandbox.workspace_id, Sandbox.id)
)


async def sample(core: Core) -> None:
    """Measure every sandbox that is ready, once."""
    rows = [(row.workspace_id, row.id) for row in await core.database.fetch_all(_READY, {})]
    for first in range(0, len(rows), BATCH):
        if core.runtime.problem is not None:
            return
        await _sample(core, rows[first : first + BATCH])


async def _sample(core: Core, rows: Sequence[tuple[str, str]]) -> None:
    turn = asyncio.Semaphore(AT_A_TIME)

    async def measure(sandbox_id: str) -> float | None:
        async with turn:
            return await core.runtime.cpu_seconds(sandbox_id, within=ANSWER_SECONDS)

    totals: dict[str, dict[str, float]] = {}
    for (workspace_id, sandbox_id), seconds in zip(
        rows, await asyncio.gather(*(measure(sandbox_id) for _, sandbox_id in rows)), strict=True
    ):
        if seconds is not None:
            totals.setdefault(workspace_id, {})[sandbox_id] = seconds
    for workspace_id, its in totals.items():
        async with core.database.write(workspace_id) as session:
            await ledger.add_cpu(session, its)


async def keep_sampling(core: Core) -> None:
    """Measure every ``usage_interval`` seconds; runs until cancelled."""
    while True:
        await asyncio.sleep(core.settings.usage_interval)
        try:
            await sample(core)
        except Exception:  # the next measurement must come whatever this one met
            log.exception("measuring sandboxes failed")
