"""One supervised process: started, its lines prefixed, restarted with growing pauses, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

LINE_LIMIT = 16 * 1024
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STABLE_AFTER = 60.0
"""Seconds of life after which a service's next failure counts as its first again."""
STOP_GRACE = 8.0
"""Seconds from SIGTERM to SIGKILL."""

COLOURS = {"host": "35", "sandboxd": "36", "console": "32", "up": "1"}


def log(name: str, line: str) -> None:
    """Print one line with the name of who says it, coloured on a terminal."""
    label = f"{name:>8} "
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        label = f"\033[{COLOURS.get(name, '0')}m{label}\033[0m"
    print(f"{label}| {line}", flush=True)


@dataclass
class Service:
    """A process that should always run until ``stop``."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    process: asyncio.subprocess.Process | None = None
    stopping: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Keep the service running; returns after ``stop``."""
        failures = 0
        while True:
            began = time.monotonic()
            code = await self._run_once()
            if self.stopping:
                break
            failures = 1 if time.monotonic() - began > STABLE_AFTER else failures + 1
            pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
            log("up", f"{self.name} ended ({describe_exit(code)}); starting it again in {pause:g} s.")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ended.wait(), pause)
        self.ended.set()

    async def _run_once(self) -> int:
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends services in order.
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            env=dict(self.environment),
            cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_LIMIT,
            start_new_session=True,
        )
        if self.stopping:
            self._signal(signal.SIGTERM)
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        copier = asyncio.create_task(copy_lines(self.name, self.process.stdout))
        code = await self.process.wait()
        # What outlives the service (a shim) may hold the pipe open; its last lines have been read by then.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(copier, 0.5)
        return code

    async def stop(self) -> None:
        """End the process: SIGTERM, then SIGKILL after a grace."""
        self.stopping = True
        self.ended.set()
        process = self.process
        if process is None or process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE)
        except TimeoutError:
            log("up", f"{self.name} did not end within {STOP_GRACE:g} s of SIGTERM; killing it.")
            self._signal(signal.SIGKILL)
            await process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


async def copy_lines(name: str, stream: asyncio.StreamReader) -> None:
    """Print a service's output line by line; a line longer than the limit comes in pieces."""
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                log(name, printable(error.partial))
            return
        except asyncio.LimitOverrunError as error:
            line = await stream.readexactly(min(error.consumed, LINE_LIMIT))
        log(name, printable(line))


def printable(line: bytes) -> str:
    """The line as text, with control characters shown rather than obeyed: a log must not drive a terminal."""
    text = line.decode(errors="replace").rstrip("\r\n")
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def describe_exit(code: int) -> str:
    """A process's return code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


async def until(ready: Callable[[], Awaitable[bool]], *, seconds: float, service: Service) -> bool:
    """Whether ``ready`` came true before the service ended for good or the time was over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await ready():
            return True
        if service.ended.is_set():
            return False
        await asyncio.sleep(0.05)
    return False
