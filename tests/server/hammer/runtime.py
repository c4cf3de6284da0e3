"""A runtime whose sandboxes and volumes are files in a folder: made in a moment, and still there after a SIGKILL."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import (
    Capabilities,
    RuntimeSandbox,
    RuntimeVolume,
    SandboxGoneError,
    StartFailedError,
    Usage,
    VolumeError,
    VolumeInUseError,
    VolumeUsage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sandboxcore.runtimes.base import SandboxSpec

BROKEN, SLOW = "broken", "slow"
"""Images: of the first nothing starts; of the second it takes a while."""


class FolderRuntime:
    """Implements ``sandboxcore.runtimes.base.Runtime``; calls ``step`` before and after each change."""

    def __init__(self, folder: Path, step: Callable[[str], None] = lambda _what: None) -> None:
        self._boxes = folder / "boxes"
        self._volumes = folder / "volumes"
        for part in (self._boxes, self._volumes):
            part.mkdir(parents=True, exist_ok=True)
        self._step = step
        self._socket = folder / "shim.sock"
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen for the looks at whether a sandbox is alive, and answer nothing; unless somebody else does."""
        if self._listener is None and not _somebody_listens(self._socket):
            self._socket.unlink(missing_ok=True)
            self._listener = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), self._socket)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()

    def capabilities(self) -> Capabilities:
        return Capabilities(
            runtime="folder",
            isolated=True,
            cpu_limit=True,
            memory_limit=True,
            pids_limit=True,
            storage_limit=True,
            network="none",
            volumes=True,
            images=("ok", BROKEN, SLOW),
            storage_class="file",
            volumes_shared=True,
        )

    async def create(self, spec: SandboxSpec) -> RuntimeSandbox:
        self._step("before the runtime's create")
        if spec.image == SLOW:
            await asyncio.sleep(0.05)
        if spec.image == BROKEN:
            raise StartFailedError("the program of this image ends at once", kind="CrashLoop")
        (self._boxes / spec.id).write_text(" ".join(mount.volume_id for mount in spec.mounts))
        self._step("after the runtime's create")
        return self._made(spec.id)

    def _made(self, sandbox_id: str) -> RuntimeSandbox:
        return RuntimeSandbox(sandbox_id, "running", self._socket, time.time())

    async def destroy(self, sandbox_id: str) -> None:
        self._step("before the runtime's destroy")
        (self._boxes / sandbox_id).unlink(missing_ok=True)
        self._step("after the runtime's destroy")

    async def inspect(self, sandbox_id: str) -> RuntimeSandbox | None:
        return self._made(sandbox_id) if (self._boxes / sandbox_id).exists() else None

    async def list_owned(self) -> list[RuntimeSandbox]:
        return [self._made(path.name) for path in self._boxes.iterdir()]

    async def usage(self, sandbox_id: str) -> Usage:
        if not (self._boxes / sandbox_id).exists():
            raise SandboxGoneError(sandbox_id)
        return Usage(0.0, 0, 0, 0)

    async def usages(self, sandbox_ids: Sequence[str]) -> dict[str, Usage]:
        return {each: Usage(0.0, 0, 0, 0) for each in sandbox_ids if (self._boxes / each).exists()}

    async def create_volume(self, volume_id: str, size_bytes: int) -> None:
        self._step("before the runtime's create_volume")
        (self._volumes / volume_id).write_text(str(size_bytes))
        self._step("after the runtime's create_volume")

    async def delete_volume(self, volume_id: str) -> None:
        self._step("before the runtime's delete_volume")
        self._refuse_in_use(volume_id)
        (self._volumes / volume_id).unlink(missing_ok=True)
        self._step("after the runtime's delete_volume")

    async def resize_volume(self, volume_id: str, size_bytes: int) -> None:
        self._step("before the runtime's resize_volume")
        if not (self._volumes / volume_id).exists():
            raise VolumeError("there is no such volume", kind="Missing")
        if int((self._volumes / volume_id).read_text()) == size_bytes:
            return
        self._refuse_in_use(volume_id)
        (self._volumes / volume_id).write_text(str(size_bytes))
        self._step("after the runtime's resize_volume")

    async def list_volumes(self) -> list[RuntimeVolume]:
        return [RuntimeVolume(path.name, int(path.read_text()), time.time()) for path in self._volumes.iterdir()]

    async def volume_usage(self, volume_ids: Sequence[str]) -> dict[str, VolumeUsage]:
        found = {path.name: int(path.read_text()) for path in self._volumes.iterdir() if path.name in volume_ids}
        return {volume_id: VolumeUsage(size // 4, size) for volume_id, size in found.items()}

    def _refuse_in_use(self, volume_id: str) -> None:
        for path in self._boxes.iterdir():
            if volume_id in path.read_text().split():
                raise VolumeInUseError(f"sandbox {path.name} has it mounted")


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def sandboxes_in(folder: Path) -> set[str]:
    """The identifiers of the sandboxes that there are."""
    return {path.name for path in (folder / "boxes").iterdir()}


def volumes_in(folder: Path) -> dict[str, int]:
    """The sizes of the volumes that there are, by identifier."""
    return {path.name: int(path.read_text()) for path in (folder / "volumes").iterdir()}
