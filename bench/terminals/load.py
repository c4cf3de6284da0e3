"""Many terminals on one console process: what an echo takes beside them, and what each of them keeps of memory."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.console import sign_in
from bench.figures import Series
from bench.memory import SHELLS, descendants, pss
from bench.sandboxes import TEMPLATE, processes_of
from bench.terminals.client import Door, shells

if TYPE_CHECKING:
    from bench.terminals.client import Shell
    from sandboxcore import SandboxClient
    from tests.stack import Stack

TIMES_ALONE = 2.0
"""The goal: the 95th percentile of an echo beside all others, against one terminal alone."""
PAUSES = (0.05, 0.15)
"""Between two keys, in seconds: a person who types fast."""
ECHO_ONLY = b"stty -icanon; PS1=; echo be''gin; cat >/dev/null"


@dataclass(frozen=True)
class Size:
    """How much is done."""

    idle: int = 200
    active: int = 20
    keys: int = 100
    """Of each active terminal; three times as many of one alone."""
    sandboxes: int = 5
    """Among which the terminals are shared."""


@dataclass(frozen=True)
class Found:
    """What was measured."""

    size: Size
    alone: Series
    beside_idle: Series
    beside_all: Series
    idle_bytes: dict[str, float]
    """What each idle terminal added to the processes, by process."""
    active_bytes: dict[str, float]
    """What each terminal that was typed in added."""

    @property
    def ratio(self) -> float:
        """How many times one terminal's alone the 95th percentile of all is."""
        return self.beside_all.percentile(0.95) / self.alone.percentile(0.95)

    def rows(self) -> list[str]:
        """Lines for a person."""
        return [
            *(_row(series, self.alone) for series in (self.alone, self.beside_idle, self.beside_all)),
            f"memory (PSS) of an idle terminal: {_told(self.idle_bytes)}",
            f"memory (PSS) of an active terminal: {_told(self.active_bytes)}",
        ]

    def check(self) -> None:
        """Fail if the goal is missed."""
        assert self.ratio <= TIMES_ALONE, f"echo beside all others: {self.ratio:.2f} times one alone"


def measure(stack: Stack, client: SandboxClient, size: Size) -> Found:
    """Open the terminals in a few sandboxes, and type."""
    made = [client.create_sandbox(TEMPLATE) for _ in range(size.sandboxes)]
    try:
        with closing(sign_in(stack)) as browser:
            shims = [processes_of(stack, str(sandbox.id))[0] for sandbox in made]
            weights = _Weights(stack.pid_of("console"), stack.pid_of("sandboxd"), shims)
            return asyncio.run(_measure(Door(stack, browser), [sandbox.name for sandbox in made], weights, size))
    finally:
        for sandbox in made:
            client.delete_sandbox(sandbox.name)


@dataclass(frozen=True)
class _Weights:
    """The processes that every terminal shares."""

    console: int
    sandboxd: int
    shims: list[int]

    def now(self) -> dict[str, int]:
        """PSS in bytes; what guards each shell counts with the shims, the shell itself does not."""
        sandboxes = [pid for shim in self.shims for pid in descendants(shim, without=SHELLS)]
        parts = {"console": [self.console], "sandboxd": [self.sandboxd], "shims and guards": sandboxes}
        return {name: sum(map(pss, pids)) for name, pids in parts.items()}


async def _measure(door: Door, sandboxes: list[str], weights: _Weights, size: Size) -> Found:
    async with AsyncExitStack() as opened:
        # One in each sandbox first: what is loaded once belongs to no terminal.
        first, *_ = await opened.enter_async_context(shells(door, sandboxes, len(sandboxes)))
        await first.run(ECHO_ONLY, b"begin\r\n")
        await _typed("warm", [first], size.keys)
        alone = await _typed("keystroke echo, one terminal alone", [first], size.keys * 3)
        empty = weights.now()
        await opened.enter_async_context(shells(door, sandboxes, size.idle))
        full = weights.now()
        beside_idle = await _typed(f"the same, {size.idle} idle terminals beside it", [first], size.keys * 3)
        settled = weights.now()
        active = await opened.enter_async_context(shells(door, sandboxes, size.active))
        await asyncio.gather(*(shell.run(ECHO_ONLY, b"begin\r\n") for shell in active))
        name = f"each of {size.active} active beside {size.idle} idle terminals"
        beside_all = await _typed(name, active, size.keys)
        typed = weights.now()
        return Found(
            size,
            alone,
            beside_idle,
            beside_all,
            _each(empty, full, size.idle),
            _each(settled, typed, size.active),
        )


async def _typed(name: str, shells: list[Shell], keys: int) -> Series:
    series = Series(name)
    await asyncio.gather(*(_type(shell, keys, series, number) for number, shell in enumerate(shells)))
    return series


async def _type(shell: Shell, keys: int, series: Series, seed: int) -> None:
    pauses = random.Random(seed)  # noqa: S311 - the same pauses in each run
    for _ in range(keys):
        await asyncio.sleep(pauses.uniform(*PAUSES))
        wanted = shell.end + 1
        began = time.perf_counter()
        await shell.type(b"x")
        await shell.reach(wanted)
        series.values.append(shell.at - began)


def _each(before: dict[str, int], after: dict[str, int], count: int) -> dict[str, float]:
    return {name: (after[name] - before[name]) / count for name in before}


def _told(sizes: dict[str, float]) -> str:
    parts = ", ".join(f"{name} {size / 1e3:.0f}" for name, size in sizes.items())
    return f"{sum(sizes.values()) / 1e3:.0f} KB ({parts})"


def _row(series: Series, alone: Series) -> str:
    p95 = series.percentile(0.95)
    return f"{series.row(alone)}   p95 {p95 * 1e3:6.2f} ms = {p95 / alone.percentile(0.95):.2f}x"
