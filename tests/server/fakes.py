"""A runtime in memory, whose starts the test lets go, fails or holds."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import (
    Capabilities,
    RuntimeSandbox,
    RuntimeUnavailableError,
    RuntimeVolume,
    SandboxGoneError,
    Usage,
    VolumeUsage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore.runtimes.base import SandboxSpec


class FakeRuntime:
    """Implements ``sandboxcore.runtimes.base.Runtime``."""

    def __init__(self) -> None:
        self.made: dict[str, RuntimeSandbox] = {}
        self.specs: dict[str, SandboxSpec] = {}
        self.destroyed: list[str] = []
        self.creations: list[str] = []
        self.may_create = asyncio.Event()
        self.may_create.set()
        self.create_error: Exception | None = None
        self.start_error: RuntimeUnavailableError | None = None
        self.destroy_error: Exception | None = None
        self.starts = 0
        self.has_volumes = True
        self.volumes: dict[str, int] = {}
        self.volume_uses: dict[str, tuple[int, int]] = {}
        self.may_change_volumes = asyncio.Event()
        self.may_change_volumes.set()
        self.volume_error: Exception | None = None

    async def start(self) -> None:
        self.starts += 1
        if self.start_error is not None:
            raise self.start_error

    async def close(self) -> None:
        return

    def capabilities(self) -> Capabilities:
        return Capabilities(
            runtime="fake",
            isolated=True,
            cpu_limit=True,
            memory_limit=True,
            pids_limit=True,
            storage_limit=False,
            network="none",
            volumes=self.has_volumes,
            images=("host",),
            storage_class="memory" if self.has_volumes else None,
            volumes_shared=self.has_volumes,
        )

    async def create(self, spec: SandboxSpec) -> RuntimeSandbox:
        self.creations.append(spec.id)
        await self.may_create.wait()
        if self.create_error is not None:
            raise self.create_error
        self.specs[spec.id] = spec
        return self.add(spec.id)

    def add(self, sandbox_id: str) -> RuntimeSandbox:
        """A sandbox as if made by somebody."""
        made = RuntimeSandbox(sandbox_id, "running", Path("/nonexistent") / sandbox_id / "shim.sock", time.time())
        self.made[sandbox_id] = made
        return made

    async def destroy(self, sandbox_id: str) -> None:
        if self.destroy_error is not None:
            raise self.destroy_error
        self.destroyed.append(sandbox_id)
        self.made.pop(sandbox_id, None)

    async def inspect(self, sandbox_id: str) -> RuntimeSandbox | None:
        return self.made.get(sandbox_id)

    async def list_owned(self) -> list[RuntimeSandbox]:
        return list(self.made.values())

    async def create_volume(self, volume_id: str, size_bytes: int) -> None:
        await self._change_volumes()
        self.volumes[volume_id] = size_bytes

    async def delete_volume(self, volume_id: str) -> None:
        await self._change_volumes()
        self.volumes.pop(volume_id, None)

    async def resize_volume(self, volume_id: str, size_bytes: int) -> None:
        await self._change_volumes()
        self.volumes[volume_id] = size_bytes

    async def list_volumes(self) -> list[RuntimeVolume]:
        return [RuntimeVolume(volume_id, size, time.time()) for volume_id, size in self.volumes.items()]

    async def volume_usage(self, volume_ids: Sequence[str]) -> dict[str, VolumeUsage]:
        if self.volume_error is not None:
            raise self.volume_error
        return {each: VolumeUsage(*self.volume_uses[each]) for each in volume_ids if each in self.volume_uses}

    async def _change_volumes(self) -> None:
        await self.may_change_volumes.wait()
        if self.volume_error is not None:
            raise self.volume_error

    async def usage(self, sandbox_id: str) -> Usage:
        del sandbox_id
        return Usage(None, None, None, None)

    async def usages(self, sandbox_ids: Sequence[str]) -> dict[str, Usage]:
        """As ``usage``, which a test may give other answers."""
        found = {}
        for sandbox_id in sandbox_ids:
            with suppress(SandboxGoneError):
                found[sandbox_id] = await self.usage(sandbox_id)
        return found
