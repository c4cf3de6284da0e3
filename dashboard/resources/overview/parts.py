"""Asking for what the first page shows, side by side; a part that cannot be had says why, and the others stand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandboxClient, Limits
    from sandboxcore.models import Pool
    from sandboxcore.summaries import Summary

T = TypeVar("T")
WITHIN = 8.0
"""Seconds that the page waits for any of its parts."""
MAX_POOLS = 500
"""Pools among which those that cannot fill are looked for."""
MOST_SHOWN = 5
CANNOT_FILL = {"failing", "limited"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the server told."""

    summary: Summary | Problem
    limits: Limits | Problem
    pools: list[Pool] | Problem
    """Those that cannot fill, at most ``MOST_SHOWN``."""


async def ask(access: Access) -> Parts:
    """Ask for all parts at once. Never raises for a server that fails."""
    client = client_for(access.team, access.user)
    (summary, pools), limits = await asyncio.gather(_counts(client), _in_time(client.get_limits()))
    return Parts(summary, limits, pools)


async def _counts(client: AsyncSandboxClient) -> tuple[Summary | Problem, list[Pool] | Problem]:
    """The counts, and the pools that cannot fill where they count any."""
    summary = await _in_time(client.get_summary())
    if isinstance(summary, Problem) or not any(summary.pools.get(status) for status in CANNOT_FILL):
        return summary, []
    return summary, await _in_time(_that_cannot_fill(client))


async def _that_cannot_fill(client: AsyncSandboxClient) -> list[Pool]:
    found: list[Pool] = []
    looked_at = 0
    async for pool in client.iter_pools(page_size=100):
        looked_at += 1
        if pool.status in CANNOT_FILL:
            found.append(pool)
        if len(found) == MOST_SHOWN or looked_at == MAX_POOLS:
            break
    return found


async def _in_time(call: Coroutine[Any, Any, T]) -> T | Problem:
    try:
        return await asyncio.wait_for(attempt(call), WITHIN)
    except TimeoutError:
        return Problem(f"the sandbox server did not answer within {WITHIN:.0f} seconds", "This page asks again.")
