"""Turns: one busy request does not hold up all others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sandboxcore.server.gateway import connecting
from sandboxcore.server.gateway.connecting import Turns

if TYPE_CHECKING:
    import pytest


async def others_during(turns: Turns, count: int) -> int:
    """How often another task ran while this one asked so often for its turn."""
    ran = 0

    async def other() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(count):
        await turns.take()
    task.cancel()
    return ran


async def test_others_run_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "TURN_SECONDS", 0)
    assert await others_during(Turns(), 50) >= 49


async def test_until_then_nothing_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "TURN_SECONDS", 3600)
    assert await others_during(Turns(), 50) == 0
