"""The namespaces runtime as sandboxd sees it: a client of the host's socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any, get_args

from sandboxcore.runtimes.base import (
    Capabilities,
    RuntimeSandbox,
    RuntimeUnavailableError,
    RuntimeVolume,
    SandboxGoneError,
    StartFailedError,
    StartFailure,
    Usage,
    VolumeError,
    VolumeFailure,
    VolumeInUseError,
    VolumeUsage,
)
from sandboxcore.runtimes.namespaces.requests import MAX_MEASURED, is_id
from sandboxcore.shim.wire import HEADER, FrameError, decode_control, decode_header, encode_control

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sandboxcore.runtimes.base import SandboxSpec

ANSWER_TIMEOUT = 60.0
"""Seconds until the host is given up."""
VOLUME_TIMEOUT = 3600.0
"""A volume that grows is copied first."""
TRIES = 3
"""Every request is safe to repeat; so often a lost connection is made anew for it."""
RETRY_PAUSE = 0.2


class _ConnectionLostError(Exception):
    """The host went away before it answered."""


class HostClient:
    """Requests and answers on one connection to the host, which is made when needed and made again when lost."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, operation: str, *, within: float = ANSWER_TIMEOUT, **fields: Any) -> dict[str, Any]:
        """The result, ``within`` so many seconds.

        Raises ``RuntimeUnavailableError``, ``StartFailedError``, ``SandboxGoneError``, ``VolumeError``.
        """
        for attempt in range(TRIES):
            try:
                async with asyncio.timeout(within):
                    answer = await self._ask_once({"op": operation, **fields})
            except (_ConnectionLostError, OSError) as error:
                if attempt == TRIES - 1 or isinstance(error, (PermissionError, TimeoutError)):
                    raise self._unavailable(error) from error
                await asyncio.sleep(RETRY_PAUSE)
            else:
                return _result(answer)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Let go of the connection."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _ask_once(self, request: dict[str, Any]) -> dict[str, Any]:
        writer = await self._connected()
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(encode_control({"seq": number, **request}))
            await writer.drain()
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None or self._reading is None or self._reading.done():
                reader, self._writer = await asyncio.open_unix_connection(str(self._path))
                self._reading = asyncio.create_task(self._read(reader, self._writer))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Give every answer to whoever waits for it, until the connection ends."""
        last_words = "the host went away"
        try:
            while True:
                length, _ = decode_header(await reader.readexactly(HEADER.size))
                answer = decode_control(await reader.readexactly(length))
                if answer.get("seq") is None:
                    # No answer to a request: why the host is about to close the connection.
                    last_words = answer["error"]["message"]
                    continue
                future = self._waiting.get(answer["seq"])
                if future is not None and not future.done():
                    future.set_result(answer)
        except (OSError, EOFError, FrameError):
            # Told to everyone below; the next request connects again.
            return
        finally:
            writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_ConnectionLostError(last_words))

    def _unavailable(self, error: Exception) -> RuntimeUnavailableError:
        if isinstance(error, PermissionError):
            remedy = "Start sandboxd as the user that the host was given with --socket-owner-uid."
        else:
            remedy = "Start the host: `make up`, or look into its log for why it ended."
        return RuntimeUnavailableError(f"the host does not answer on {self._path} ({error})", remedy=remedy)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    error = answer.get("error")
    if error is None:
        result: dict[str, Any] = answer["result"]
        return result
    kind, message = error["kind"], error["message"]
    if kind in get_args(StartFailure):
        raise StartFailedError(message, kind=kind)
    if kind == "BadRequest":
        raise StartFailedError(message, kind="SandboxConfig")
    if kind == "VolumeInUse":
        raise VolumeInUseError(message)
    if kind.removeprefix("Volume") in get_args(VolumeFailure):
        raise VolumeError(message, kind=kind.removeprefix("Volume"))
    if kind == "Gone":
        raise SandboxGoneError(message)
    raise RuntimeUnavailableError(message, remedy=error.get("remedy") or "Look into the host's log.")


class NamespacesRuntime:
    """See ``sandboxcore.runtimes.base.Runtime``."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._host = HostClient(run_dir / "host.sock")
        self._capabilities: Capabilities | None = None

    async def start(self) -> None:
        """Ask the host what it can do. Raises ``RuntimeUnavailableError``."""
        fields = await self._host.ask("capabilities")
        fields |= {name: tuple(fields[name]) for name in ("images", "notes")}
        self._capabilities = Capabilities(**fields)

    async def close(self) -> None:
        """Let go of the connection; sandboxes go on."""
        await self._host.close()

    def capabilities(self) -> Capabilities:
        """What the host enforces. Only after ``start``."""
        if self._capabilities is None:
            raise RuntimeUnavailableError("the runtime has not been started", remedy="Call start() first.")
        return self._capabilities

    async def create(self, spec: SandboxSpec) -> RuntimeSandbox:
        """Make a sandbox, or find the one of this id."""
        return self._sandbox(await self._host.ask("create", spec=_fields(spec)))

    async def destroy(self, sandbox_id: str) -> None:
        """End a sandbox and remove all it had but volumes."""
        if is_id(sandbox_id):
            await self._host.ask("destroy", id=sandbox_id)

    async def inspect(self, sandbox_id: str) -> RuntimeSandbox | None:
        """The sandbox as it is now."""
        if not is_id(sandbox_id):
            return None
        found = (await self._host.ask("inspect", id=sandbox_id))["sandbox"]
        return self._sandbox(found) if found else None

    async def list_owned(self) -> list[RuntimeSandbox]:
        """Every sandbox of the host, dead ones too."""
        sandboxes: list[RuntimeSandbox] = []
        more = True
        while more:
            page = await self._host.ask("list", after=sandboxes[-1].id if sandboxes else "")
            sandboxes += [self._sandbox(found) for found in page["sandboxes"]]
            more = page["more"]
        return sandboxes

    async def usage(self, sandbox_id: str) -> Usage:
        """What the sandbox uses now. Raises ``SandboxGoneError``."""
        return Usage(**await self._host.ask("usage", id=sandbox_id))

    async def usages(self, sandbox_ids: Sequence[str]) -> dict[str, Usage]:
        """What each of these that runs uses now."""
        answer = await self._host.ask("usages", ids=[each for each in sandbox_ids if is_id(each)])
        return {sandbox_id: Usage(**fields) for sandbox_id, fields in answer["usages"].items()}

    async def create_volume(self, volume_id: str, size_bytes: int) -> None:
        """Make a volume, or find the one of this id. Raises ``VolumeError``."""
        await self._change_volume("volume_create", id=volume_id, size_bytes=size_bytes)

    async def delete_volume(self, volume_id: str) -> None:
        """Remove a volume. Raises ``VolumeInUseError``, ``VolumeError``."""
        if is_id(volume_id):
            await self._change_volume("volume_delete", id=volume_id)

    async def resize_volume(self, volume_id: str, size_bytes: int) -> None:
        """Grow a volume. Raises ``VolumeInUseError``, ``VolumeError``."""
        await self._change_volume("volume_resize", id=volume_id, size_bytes=size_bytes)

    async def list_volumes(self) -> list[RuntimeVolume] | None:
        """Every volume of the host."""
        volumes: list[RuntimeVolume] = []
        more = True
        while more:
            page = await self._host.ask("volume_list", after=volumes[-1].id if volumes else "")
            volumes += [RuntimeVolume(**found) for found in page["volumes"]]
            more = page["more"] and bool(page["volumes"])
        return volumes

    async def volume_usage(self, volume_ids: Sequence[str]) -> Mapping[str, VolumeUsage]:
        """How full volumes are."""
        found: dict[str, VolumeUsage] = {}
        for first in range(0, len(volume_ids), MAX_MEASURED):
            part = await self._host.ask("volume_usage", ids=list(volume_ids[first : first + MAX_MEASURED]))
            found |= {volume_id: VolumeUsage(**fields) for volume_id, fields in part["volumes"].items()}
        return found

    async def _change_volume(self, operation: str, **fields: Any) -> None:
        try:
            await self._host.ask(operation, within=VOLUME_TIMEOUT, **fields)
        except StartFailedError as error:
            raise VolumeError(str(error), kind="Failed") from error

    def _sandbox(self, found: dict[str, Any]) -> RuntimeSandbox:
        return RuntimeSandbox(
            id=found["id"],
            state=found["state"],
            shim_socket=self._run_dir / "sandboxes" / found["id"] / "shim.sock",
            created_at=found["created_at"],
            reason=found["reason"],
        )


def _fields(spec: SandboxSpec) -> dict[str, Any]:
    """The specification as the host reads it."""
    resources = spec.resources
    return {
        "id": spec.id,
        "image": spec.image,
        "hostname": spec.hostname,
        "env": dict(spec.env),
        "resources": {
            name: getattr(resources, name) for name in ("cpu_millis", "memory_bytes", "storage_bytes", "pids")
        },
        "mounts": [{"volume_id": mount.volume_id, "path": mount.path} for mount in spec.mounts],
    }
