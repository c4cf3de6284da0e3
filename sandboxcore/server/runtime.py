"""The runtime as the server sees it: perhaps not there yet, and tried again until it is."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sandboxcore.runtimes import registry
from sandboxcore.runtimes.base import RuntimeUnavailableError
from sandboxcore.server.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sandboxcore.runtimes.base import Runtime, Usage, VolumeUsage

log = logging.getLogger("sandboxd.runtime")


def load_runtime(name: str, run_dir: Path) -> Runtime | RuntimeUnavailableError:
    """The runtime of this name, or why there is none: the server serves all the rest without it."""
    try:
        return registry.load(name, run_dir=run_dir)
    except RuntimeUnavailableError as problem:
        return problem


class RuntimeHolder:
    """Starts a runtime, remembers why it cannot be used, and tries again every ``retry_interval`` seconds."""

    def __init__(self, runtime: Runtime | RuntimeUnavailableError, *, retry_interval: float) -> None:
        self._runtime = runtime
        self._retry_interval = retry_interval
        self._problem: RuntimeUnavailableError | None = RuntimeUnavailableError(
            "the runtime has not started yet", remedy="wait a moment"
        )
        self._failed = asyncio.Event()
        self._failed.set()
        self.came_up = asyncio.Event()
        """Set each time that the runtime becomes available; whoever waits for it clears it."""

    @property
    def problem(self) -> RuntimeUnavailableError | None:
        """Why the runtime cannot be used, or None."""
        return self._problem

    def require(self) -> Runtime:
        """The runtime. Raises ``UnavailableError`` (503) with the remedy where it cannot be used."""
        if self._problem is not None:
            raise unavailable(self._problem)
        return self._loaded()

    async def cpu_seconds(self, sandbox_id: str, *, within: float) -> float | None:
        """Processor time that a sandbox has used; None where the runtime cannot tell in so many seconds."""
        usage = (await self.usages([sandbox_id], within=within)).get(sandbox_id)
        return None if usage is None else usage.cpu_seconds

    async def usages(self, sandbox_ids: Sequence[str], *, within: float) -> dict[str, Usage]:
        """What each of at most ``MOST_USAGES`` sandboxes uses; without those of which nothing was told in time."""
        if self._problem is not None:
            return {}
        try:
            async with asyncio.timeout(within):
                return await self._loaded().usages(sandbox_ids)
        except TimeoutError:
            return {}
        except RuntimeUnavailableError as problem:
            self.report(problem)
        except Exception:  # a measurement that fails must keep nothing from being ended or measured
            log.exception("measuring %d sandboxes failed in an unknown way", len(sandbox_ids))
        return {}

    async def volume_usage(self, volume_ids: Sequence[str], *, within: float) -> Mapping[str, VolumeUsage]:
        """How full each of these volumes is; without those of which nothing was told in time."""
        if self._problem is not None or not volume_ids:
            return {}
        try:
            async with asyncio.timeout(within):
                return await self._loaded().volume_usage(volume_ids)
        except TimeoutError:
            return {}
        except RuntimeUnavailableError as problem:
            self.report(problem)
        except Exception:  # a figure that is missing must keep no list from being shown
            log.exception("measuring %d volumes failed in an unknown way", len(volume_ids))
        return {}

    def report(self, problem: RuntimeUnavailableError) -> None:
        """A caller met this problem: hold the runtime unavailable until it has started again."""
        self._problem = problem
        self._failed.set()

    async def attempt(self) -> bool:
        """Try once to start the runtime; whether it is available now."""
        try:
            await self._loaded().start()
        except RuntimeUnavailableError as problem:
            if str(problem) != str(self._problem):
                log.warning("runtime unavailable: %s (%s)", problem, problem.remedy)
            self._problem = problem
            return False
        self._problem = None
        self._failed.clear()
        log.info("runtime %s is available", self._loaded().capabilities().runtime)
        self.came_up.set()
        return True

    async def keep_up(self) -> None:
        """Start the runtime whenever it is not available; runs until cancelled."""
        while True:
            await self._failed.wait()
            if not await self.attempt():
                await asyncio.sleep(self._retry_interval)

    async def close(self) -> None:
        """Let go of the runtime; its sandboxes go on."""
        if not isinstance(self._runtime, RuntimeUnavailableError):
            await self._runtime.close()

    def _loaded(self) -> Runtime:
        if isinstance(self._runtime, RuntimeUnavailableError):
            raise RuntimeUnavailableError(str(self._runtime), remedy=self._runtime.remedy)
        return self._runtime


def unavailable(problem: RuntimeUnavailableError) -> UnavailableError:
    """The answer for a runtime that cannot work."""
    return UnavailableError(f"no sandbox can be started here: {problem}. What mends it: {problem.remedy}")
