"""The process runtime's part in sandboxd: starts, finds and ends the shims.

A sandbox is the folder ``RUN_DIR/sandboxes/<id>`` and the shim that holds the lock in it. Nothing is isolated: this
is for people who work on the console where nothing can be, and it must be chosen explicitly.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from sandboxcore.runtimes.base import (
    Capabilities,
    RuntimeSandbox,
    RuntimeUnavailableError,
    SandboxGoneError,
    StartFailedError,
    Usage,
    VolumeError,
    VolumeUsage,
)
from sandboxcore.runtimes.process.disk import Sizes, size_of
from sandboxcore.runtimes.process.tree import descendants, kill_all, marked, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandboxcore.runtimes.base import RuntimeVolume, SandboxSpec
    from sandboxcore.runtimes.process.tree import ProcessInfo

IMAGE = "host"
NO_VOLUMES = "the process runtime isolates nothing, so it cannot mount volumes; choose the namespaces runtime"
_START_SECONDS = 20
_END_SECONDS = 5
_PAUSE = 0.02
_PACKAGE_ROOT = Path(__file__).resolve().parents[3]


class ProcessRuntime:
    """Implements ``sandboxcore.runtimes.base.Runtime`` with plain processes of this user."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "sandboxes"
        self._locks: dict[str, asyncio.Lock] = {}
        self._sizes = Sizes()

    async def start(self) -> None:
        """See ``Runtime``."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            remedy = "set SANDBOXD_RUN_DIR to a folder that this user may write"
            raise RuntimeUnavailableError(f"cannot use {self._folder}: {error.strerror}", remedy=remedy) from error

    async def close(self) -> None:
        """See ``Runtime``."""

    def capabilities(self) -> Capabilities:
        """See ``Runtime``."""
        return Capabilities(
            runtime="process",
            isolated=False,
            cpu_limit=False,
            memory_limit=False,
            pids_limit=False,
            storage_limit=False,
            network="host",
            volumes=False,
            images=(IMAGE,),
            notes=(
                "Nothing is isolated: commands run as this user on this machine; choose the namespaces runtime.",
                "No limit of cpu, memory, processes or disk is enforced.",
            ),
        )

    async def create(self, spec: SandboxSpec) -> RuntimeSandbox:
        """See ``Runtime``."""
        async with self._lock(spec.id):
            return await asyncio.to_thread(self._create, spec)

    async def destroy(self, sandbox_id: str) -> None:
        """See ``Runtime``."""
        async with self._lock(sandbox_id):
            await asyncio.to_thread(self._destroy, sandbox_id)
        self._locks.pop(sandbox_id, None)

    async def inspect(self, sandbox_id: str) -> RuntimeSandbox | None:
        """See ``Runtime``."""
        return self._inspect(sandbox_id)

    async def list_owned(self) -> list[RuntimeSandbox]:
        """See ``Runtime``."""
        found = (self._inspect(entry.name) for entry in sorted(self._folder.iterdir()))
        return [sandbox for sandbox in found if sandbox is not None]

    async def usage(self, sandbox_id: str) -> Usage:
        """See ``Runtime``."""
        return await asyncio.to_thread(self._usage, sandbox_id)

    async def usages(self, sandbox_ids: Sequence[str]) -> dict[str, Usage]:
        """See ``Runtime``."""
        return await asyncio.to_thread(self._usages, sandbox_ids)

    async def create_volume(self, volume_id: str, size_bytes: int) -> None:
        """See ``Runtime``. A folder cannot appear at a path of a sandbox's own where all sandboxes share the root."""
        del volume_id, size_bytes
        raise VolumeError(NO_VOLUMES, kind="Unsupported")

    async def delete_volume(self, volume_id: str) -> None:
        """See ``Runtime``: there is never such a volume."""

    async def resize_volume(self, volume_id: str, size_bytes: int) -> None:
        """See ``Runtime``."""
        del volume_id, size_bytes
        raise VolumeError(NO_VOLUMES, kind="Unsupported")

    async def list_volumes(self) -> list[RuntimeVolume] | None:
        """See ``Runtime``: there is never one."""
        return []

    async def volume_usage(self, volume_ids: Sequence[str]) -> dict[str, VolumeUsage]:
        """See ``Runtime``: there is never one."""
        del volume_ids
        return {}

    @contextmanager
    def _refused(self, message: str) -> Iterator[None]:
        """Turn the system's errors into a failed start."""
        try:
            yield
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailedError(f"{message}: {error}", kind="SandboxConfig") from error

    def _lock(self, sandbox_id: str) -> asyncio.Lock:
        return self._locks.setdefault(sandbox_id, asyncio.Lock())

    def _place(self, sandbox_id: str) -> Path | None:
        """The sandbox's folder; None for what cannot be an id, so that no other folder is ever touched."""
        try:
            return self._folder / str(UUID(sandbox_id))
        except ValueError:
            return None

    def _create(self, spec: SandboxSpec) -> RuntimeSandbox:
        place = self._place(spec.id)
        if place is None:
            raise StartFailedError(f"{spec.id!r} is not a UUID", kind="SandboxConfig")
        if spec.image != IMAGE:
            raise StartFailedError(f"the process runtime has only the image {IMAGE!r}", kind="ImagePull")
        if spec.mounts:
            raise StartFailedError(NO_VOLUMES, kind="SandboxConfig")
        known = self._inspect(spec.id)
        if known is not None and known.state == "running":
            return known
        self._destroy(spec.id)
        with self._refused("could not start the sandbox"):
            self._start_shim(place, spec)
        made = self._inspect(spec.id)
        if made is None or made.state != "running":
            words = _last_words(place)
            self._destroy(spec.id)
            raise StartFailedError(f"the sandbox's shim did not start: {words}", kind="CrashLoop")
        return made

    def _start_shim(self, place: Path, spec: SandboxSpec) -> None:
        (place / "home").mkdir(parents=True, mode=0o700)
        about = {"env": dict(spec.env), "hostname": spec.hostname, "created_at": time.time()}
        (place / "spec.json").write_text(json.dumps(about))
        subprocess.run(  # noqa: S603 - this package's own module
            [sys.executable, "-S", "-P", "-m", "sandboxcore.runtimes.process.shim_main", str(place)],
            env={"PYTHONPATH": str(_PACKAGE_ROOT), "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_START_SECONDS,
            check=False,
        )

    def _destroy(self, sandbox_id: str) -> None:
        place = self._place(sandbox_id)
        if place is None or not place.exists():
            return
        pid = _shim_pid(place)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _END_SECONDS
            while _shim_pid(place) is not None and time.monotonic() < deadline:
                time.sleep(_PAUSE)
            if _shim_pid(place) is not None:
                kill_all(lambda: _living_tree(pid))
        kill_all(lambda: _living_orphans(place.name))
        _remove(place)

    def _inspect(self, sandbox_id: str) -> RuntimeSandbox | None:
        place = self._place(sandbox_id)
        if place is None:
            return None
        try:
            created_at = float(json.loads((place / "spec.json").read_text())["created_at"])
        except FileNotFoundError:
            if not place.exists():
                return None
            created_at = place.stat().st_mtime
        running = _shim_pid(place) is not None
        return RuntimeSandbox(
            id=sandbox_id,
            state="running" if running else "dead",
            shim_socket=place / "shim.sock",
            created_at=created_at,
            reason=None if running else "its shim has ended",
        )

    def _usage(self, sandbox_id: str) -> Usage:
        shim = self._running(sandbox_id)
        if shim is None:
            raise SandboxGoneError(f"sandbox {sandbox_id} is not running")
        place, pid = shim
        return _usage_of(pid, snapshot(), size_of(place / "home"))

    def _usages(self, sandbox_ids: Sequence[str]) -> dict[str, Usage]:
        running = {sandbox_id: shim for sandbox_id in sandbox_ids if (shim := self._running(sandbox_id)) is not None}
        processes = snapshot() if running else {}
        return {
            sandbox_id: _usage_of(pid, processes, self._sizes.of(place / "home"))
            for sandbox_id, (place, pid) in running.items()
        }

    def _running(self, sandbox_id: str) -> tuple[Path, int] | None:
        """The folder and the shim of a sandbox that runs."""
        place = self._place(sandbox_id)
        pid = None if place is None else _shim_pid(place)
        return None if place is None or pid is None else (place, pid)


def _usage_of(shim: int, processes: dict[int, ProcessInfo], storage_bytes: int | None) -> Usage:
    inside = [processes[child] for child in descendants({shim}, processes)]
    # What a command used that has ended is its parent's to tell: the shim's, at last.
    ended = sum(process.ended_cpu_seconds for process in (*inside, *filter(None, [processes.get(shim)])))
    return Usage(
        cpu_seconds=sum(process.cpu_seconds for process in inside) + ended,
        memory_bytes=sum(process.memory_bytes for process in inside),
        pids=len(inside),
        storage_bytes=storage_bytes,
    )


def _shim_pid(place: Path) -> int | None:
    """The process that holds the sandbox's lock."""
    try:
        lock = os.open(place / "shim.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(lock, 32, 0).split()[0])
    finally:
        os.close(lock)
    return None


def _living_tree(pid: int) -> set[int]:
    processes = snapshot()
    tree = {pid} | descendants({pid}, processes)
    return {member for member in tree if member in processes and not processes[member].is_zombie}


def _living_orphans(sandbox_id: str) -> set[int]:
    """What a shim that was killed has left behind."""
    processes = snapshot()
    return {pid for pid in marked(f"{sandbox_id}.", processes) if not processes[pid].is_zombie}


def _last_words(place: Path) -> str:
    try:
        lines = (place / "shim.log").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "it said nothing"
    return lines[-1] if lines else "it said nothing"


def _remove(place: Path) -> None:
    """Remove a sandbox's folder, folders without rights in it too."""

    def unlock(_: object, path: str, __: object) -> None:
        Path(path).parent.chmod(0o700)
        target = Path(path)
        if target.is_dir() and not target.is_symlink():
            target.chmod(0o700)
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)

    shutil.rmtree(place, onerror=unlock)
    if place.exists():
        shutil.rmtree(place)
