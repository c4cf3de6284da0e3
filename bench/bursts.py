"""Many creates at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.figures import Series
from bench.sandboxes import TEMPLATE
from sandboxcore import AsyncSandboxClient

if TYPE_CHECKING:
    from tests.stack import Stack

MANY = 100


def parallel_creates(stack: Stack) -> str:
    """A hundred sandboxes asked for in one moment, each until it is ready."""
    return asyncio.run(_create_many(stack))


async def _create_many(stack: Stack) -> str:
    series = Series(f"create, {MANY} at once")
    async with AsyncSandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:

        async def create() -> str:
            with series.measure():
                return (await client.create_sandbox(TEMPLATE, timeout=120)).name

        began = time.perf_counter()
        names = await asyncio.gather(*(create() for _ in range(MANY)))
        seconds = time.perf_counter() - began
        await asyncio.gather(*(client.delete_sandbox(name) for name in names))
    assert len(set(names)) == MANY
    return f"{series.row()}\n{'':<58}all {MANY} ready after {seconds:.2f} s, {MANY / seconds:.0f} a second"
