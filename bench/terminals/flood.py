"""Floods that nobody reads: memory stays bounded, and Ctrl-C brings the prompt at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.console import sign_in
from bench.figures import Series
from bench.memory import rss
from bench.sandboxes import TEMPLATE, processes_of
from bench.terminals.client import Door, shells

if TYPE_CHECKING:
    from bench.terminals.client import Shell
    from sandboxcore import SandboxClient
    from tests.stack import Stack

PROMPT = b"at-your-service> "
SET_PROMPT = b"PS1='at-your-''service> '"
GOAL = 0.2
"""Seconds from Ctrl-C to the prompt, 95 of 100 times."""
MOST_EACH = {"console": 3e6, "sandboxd": 3e6, "shim": 12e6}
"""Most bytes that one flooded terminal may add: windows on the way and, in the shim, the output that is kept."""
MOST_BESIDES = 16e6
MOST_LATE = 0.1
"""Most that a process may grow by in the second half."""
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Size:
    """How much is done."""

    terminals: int = 10
    seconds: float = 60.0
    rounds: int = 5
    pause: float = 1.0
    """Of flood before each further Ctrl-C, in seconds."""


@dataclass
class Growth:
    """One process's resident memory in bytes: before, at most in each half, and after."""

    before: int
    first_half: int = 0
    second_half: int = 0
    after: int = 0

    @property
    def most(self) -> int:
        return max(self.first_half, self.second_half)


@dataclass(frozen=True)
class Found:
    """What was measured."""

    size: Size
    memory: dict[str, Growth]
    prompt: Series
    passed: int
    """Bytes that the shells printed in the long flood."""

    def rows(self) -> list[str]:
        """Lines for a person."""
        size = self.size
        p95 = self.prompt.percentile(0.95) * 1e3
        return [
            f"{size.terminals} terminals run `yes` for {size.seconds:.0f} s, no page acknowledges, half of them read"
            f" nothing: {self.passed / 1e6:,.0f} MB printed",
            *(
                f"  {name:<10} RSS before {each.before / 1e6:6.1f} MB   most, first half {each.first_half / 1e6:6.1f}"
                f"   second half {each.second_half / 1e6:6.1f}   after {each.after / 1e6:6.1f} MB"
                for name, each in self.memory.items()
            ),
            f"{self.prompt.row()}   p95 {p95:.1f} ms",
        ]

    def check(self) -> None:
        """Fail if memory is not bounded or the prompt comes late."""
        for name, each in self.memory.items():
            most = each.before + self.size.terminals * MOST_EACH[name] + MOST_BESIDES
            assert each.most <= most, f"{name} grew to {each.most / 1e6:.0f} MB, allowed are {most / 1e6:.0f}"
            assert each.second_half <= each.first_half * (1 + MOST_LATE), f"{name} goes on growing"
        assert self.prompt.percentile(0.95) <= GOAL, f"Ctrl-C to prompt: {self.prompt.percentile(0.95) * 1e3:.0f} ms"


def measure(stack: Stack, client: SandboxClient, size: Size) -> Found:
    """Flood, watch, interrupt."""
    with closing(sign_in(stack)) as browser, client.sandbox(TEMPLATE) as sandbox:
        shim, _ = processes_of(stack, str(sandbox.id))
        pids = {"console": stack.pid_of("console"), "sandboxd": stack.pid_of("sandboxd"), "shim": shim}
        return asyncio.run(_measure(Door(stack, browser), sandbox.name, pids, size))


async def _measure(door: Door, sandbox: str, pids: dict[str, int], size: Size) -> Found:
    prompt = Series("Ctrl-C to prompt, the other terminals flooded too")
    async with shells(door, [sandbox], size.terminals) as opened:
        for shell in opened:
            await shell.run(SET_PROMPT, PROMPT)
        starts = [shell.end for shell in opened]
        memory = {name: Growth(rss(pid)) for name, pid in pids.items()}
        await _flood(opened)
        await _watch(memory, pids, size.seconds)
        for number in range(size.rounds):
            if number:
                await _flood(opened)
                await asyncio.sleep(size.pause)
            else:
                # A page that answers no ping is given up before a minute is over.
                for shell in _deaf(opened):
                    await shell.come_back()
            for shell in opened:
                await _interrupt(shell, prompt)
            if not number:
                passed = sum(shell.end - start for shell, start in zip(opened, starts, strict=True))
                for name, pid in pids.items():
                    memory[name].after = rss(pid)
    return Found(size, memory, prompt, passed)


async def _flood(opened: list[Shell]) -> None:
    for shell in opened:
        await shell.run(b"yes", b"y\r\ny\r\n")
        shell.neglect(deaf=shell in _deaf(opened))


def _deaf(opened: list[Shell]) -> list[Shell]:
    return opened[::2]


async def _watch(memory: dict[str, Growth], pids: dict[str, int], seconds: float) -> None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        for name, each in memory.items():
            now = rss(pids[name])
            if passed < seconds / 2:
                each.first_half = max(each.first_half, now)
            else:
                each.second_half = max(each.second_half, now)
        await asyncio.sleep(SAMPLE_SECONDS)


async def _interrupt(shell: Shell, series: Series) -> None:
    shell.forget()
    began = time.perf_counter()
    await shell.interrupt()
    await shell.attend()
    await shell.until(PROMPT)
    series.values.append(shell.at - began)
