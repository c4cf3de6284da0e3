"""The contract between sandboxd and a runtime, and the records that cross it.

A runtime makes sandboxes and says what holds in them. It does not run commands: each sandbox has a
*shim*, a process that outlives sandboxd, owns the sandbox's commands and files and speaks the protocol of
``sandboxcore.shim.wire`` on a unix socket. A runtime's part in sandboxd implements ``Runtime`` below; its
part in the shim implements ``sandboxcore.shim.spawner.Spawner``.

A third party adds a runtime with an entry point in the group ``sandboxcore.runtimes``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

StartFailure = Literal["ImagePull", "CrashLoop", "SandboxConfig", "Unschedulable"]
VolumeFailure = Literal["Unsupported", "Missing", "InUse", "Shrink", "Conflict", "Full", "Failed"]
MOST_USAGES = 100
"""Sandboxes that one call of ``Runtime.usages`` may ask for."""


class RuntimeUnavailableError(SandboxError):
    """The runtime cannot work on this machine; ``remedy`` is the command or setting that mends it."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class StartFailedError(SandboxError):
    """A sandbox could not start; ``kind`` is the wire protocol's word for why."""

    def __init__(self, message: str, *, kind: StartFailure) -> None:
        super().__init__(message)
        self.kind = kind


class VolumeError(SandboxError):
    """A volume could not be made, grown or removed, and is as it was before.

    ``kind`` says why: ``Unsupported`` (this runtime has no volumes here), ``Missing`` (no volume of this id),
    ``Shrink`` (smaller than it is), ``Conflict`` (it exists with another size), ``Full`` (no space on this machine),
    ``InUse`` or ``Failed``.
    """

    def __init__(self, message: str, *, kind: VolumeFailure) -> None:
        super().__init__(message)
        self.kind = kind


class VolumeInUseError(VolumeError):
    """The volume is mounted in a sandbox; ``kind`` is ``InUse``."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="InUse")


class SandboxGoneError(SandboxError):
    """The runtime has no running sandbox of this id."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one sandbox may use at most."""

    cpu_millis: int
    """Thousandths of a core."""
    memory_bytes: int
    storage_bytes: int
    """Size of the writable layer over the image."""
    pids: int = 512


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A persistent volume and the absolute path inside the sandbox where it appears."""

    volume_id: str
    path: str


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """All that a runtime needs to make one sandbox. ``id`` is a UUID, unique for ever."""

    id: str
    image: str
    resources: Resources
    hostname: str
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()


@dataclass(frozen=True, slots=True)
class RuntimeSandbox:
    """What the runtime knows of one sandbox that it owns."""

    id: str
    state: Literal["running", "dead"]
    shim_socket: Path
    created_at: float
    """Seconds since the epoch."""
    reason: str | None = None
    """Why it is dead, for a person."""


@dataclass(frozen=True, slots=True)
class RuntimeVolume:
    """What the runtime knows of one volume."""

    id: str
    size_bytes: int
    """What it was asked to hold; a runtime may have rounded it up a little."""
    written_at: float
    """Seconds since the epoch when it was last written to."""


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    """How full a volume is."""

    used_bytes: int
    """What the files in it take, as ``df`` inside says."""
    usable_bytes: int
    """The most that they can take: a little less than the volume's size, where it keeps tables of its own."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one sandbox uses now; ``None`` where the runtime cannot tell."""

    cpu_seconds: float | None
    memory_bytes: int | None
    pids: int | None
    storage_bytes: int | None
    oom_kills: int | None = None
    """Processes that were killed for lack of memory since its start."""
    throttled_seconds: float | None = None
    """How long its processes had to wait because its share of processor time was used up, since its start."""
    rx_bytes: int | None = None
    """Received by its network interfaces since its start."""
    tx_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this runtime enforces on this machine, so that callers ask instead of catching errors."""

    runtime: str
    isolated: bool
    """False only where code runs as plain processes of this machine (the ``process`` runtime)."""
    cpu_limit: bool
    memory_limit: bool
    pids_limit: bool
    storage_limit: bool
    network: Literal["none", "egress", "host"]
    volumes: bool
    images: tuple[str, ...]
    """Image names that can be used at once; registries are not listed."""
    notes: tuple[str, ...] = ()
    """One sentence for each thing that is not enforced, with what would mend it."""
    storage_class: str | None = None
    """What its volumes are, where it has them."""
    volumes_shared: bool = False
    """Whether several sandboxes may have one volume mounted at once, each seeing what the others write."""


class Runtime(Protocol):
    """Makes, finds and ends sandboxes. Every method may be called at any time after ``start``, from one event
    loop, several at once; every method is safe to repeat."""

    async def start(self) -> None:
        """Connect to what the runtime needs. Called once, and again after a failure.

        Raises ``RuntimeUnavailableError`` where the machine cannot run it.
        """

    async def close(self) -> None:
        """Let go of connections. Sandboxes go on."""

    def capabilities(self) -> Capabilities:
        """What is enforced here. Costs nothing; call after ``start``."""

    async def create(self, spec: SandboxSpec) -> RuntimeSandbox:
        """Make a sandbox and return when commands can run in it. The same ``spec.id`` twice gives the same sandbox.

        Raises ``StartFailedError`` (nothing is left behind) or ``RuntimeUnavailableError``.
        """

    async def destroy(self, sandbox_id: str) -> None:
        """End every process of the sandbox and remove all that it had but volumes. No such sandbox is success."""

    async def inspect(self, sandbox_id: str) -> RuntimeSandbox | None:
        """The sandbox as it is now, or None. Cheap: no process inside is asked."""

    async def list_owned(self) -> list[RuntimeSandbox]:
        """Every sandbox that this runtime made and has not destroyed, dead ones too."""

    async def usage(self, sandbox_id: str) -> Usage:
        """What the sandbox uses now. Raises ``SandboxGoneError``."""

    async def usages(self, sandbox_ids: Sequence[str]) -> dict[str, Usage]:
        """What each of at most ``MOST_USAGES`` sandboxes uses now; those that do not run are left out.

        Called for every sandbox every few seconds, so it must be cheap: a figure that takes long to find may be a
        minute old. Raises ``RuntimeUnavailableError``.
        """

    async def create_volume(self, volume_id: str, size_bytes: int) -> None:
        """Make an empty volume that can hold about ``size_bytes`` and outlives every sandbox. ``volume_id`` is a UUID.

        Only where ``capabilities().volumes``. The same id with the same size again is success. Raises ``VolumeError``
        (nothing is left behind) or ``RuntimeUnavailableError`` (it may have been made: delete it, or ask again).
        """

    async def delete_volume(self, volume_id: str) -> None:
        """Remove a volume with all that it holds. No such volume is success.

        Raises ``VolumeInUseError`` while a sandbox has it mounted, ``VolumeError`` or ``RuntimeUnavailableError``.
        """

    async def resize_volume(self, volume_id: str, size_bytes: int) -> None:
        """Grow a volume that no sandbox has mounted; what it holds stays. The size that it has already is success.

        May take as long as copying its contents. Raises ``VolumeInUseError``, ``VolumeError`` (the volume is as it
        was) or ``RuntimeUnavailableError`` (it may have grown: ask again).
        """

    async def list_volumes(self) -> list[RuntimeVolume] | None:
        """Every volume that can be mounted, whoever had it made; None where the runtime cannot tell.

        Raises ``RuntimeUnavailableError``. Those that are half made need not be there.
        """

    async def volume_usage(self, volume_ids: Sequence[str]) -> Mapping[str, VolumeUsage]:
        """How full volumes are, by id, mounted or not; those that are not there, or it cannot tell of, are left out.

        Cheap: no file in them is looked at. Raises ``RuntimeUnavailableError``.
        """
