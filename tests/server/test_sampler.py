"""Measuring the processor time of real sandboxes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.server.running import Sandboxd

BURN = "python3 -c 'import time\nwhile time.process_time() < 0.3: pass'"


async def test_what_a_command_burns_is_in_the_usage(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(usage_interval=0.1)
    client = clients(server)
    await client.post("/templates", json={"name": "t", "image": "host"})
    box = (await client.post("/boxes", json={"template_name": "t"})).json()

    async def used() -> float:
        rows = (await client.get("/usage", params={"step": "total"})).json()["usage"]
        return float(sum(row["cpu_used_seconds"] for row in rows))

    for burnt in (0.3, 0.6):
        ran = await client.post(f"{box['dataplane_url']}/execute", json={"command": BURN, "timeout": 30})
        assert ran.json()["exit_code"] == 0, ran.text
        async with asyncio.timeout(25):
            while await used() < burnt - 0.02:
                await asyncio.sleep(0.05)
    assert (await client.delete(f"/boxes/{box['id']}")).status_code == 204
    assert await used() >= 0.58
