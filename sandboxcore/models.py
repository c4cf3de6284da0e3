"""What crosses the wire, as dataclasses.

``from_dict`` takes what a server sent: fields that it does not know are ignored, fields that are missing or null get
their default, and a field of the wrong type raises ``InvalidResponseError`` naming it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sandboxcore.fields import Fields
from sandboxcore.metrics import SandboxHeld, SandboxUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")
StreamName = Literal["stdout", "stderr"]


@dataclass(frozen=True)
class ExecutionResult:
    """What a finished command wrote, and its exit code: 0-255, or 128 + the signal that ended it."""

    stdout: str
    stderr: str
    exit_code: int

    @property
    def success(self) -> bool:
        """True if the exit code is 0."""
        return self.exit_code == 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExecutionResult:
        """Read the answer of ``POST /execute``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "execution result")
        return cls(fields.text("stdout"), fields.text("stderr"), fields.integer("exit_code", -1))


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A piece of a command's output; ``offset`` counts the UTF-8 bytes of the stream before it."""

    stream: StreamName
    data: str
    offset: int


@dataclass(frozen=True, slots=True, init=False)
class Gap(OutputChunk):
    """Output that this reader has lost: bytes ``start`` to ``end`` of ``stream`` left the server's buffer unread.

    It stands in the sequence of chunks where the lost output would, with empty ``data``.
    """

    end: int

    def __init__(self, stream: StreamName, start: int, end: int) -> None:
        OutputChunk.__init__(self, stream, "", start)
        object.__setattr__(self, "end", end)

    @property
    def start(self) -> int:
        """Offset of the first lost byte; the same as ``offset``."""
        return self.offset


@dataclass(frozen=True, slots=True, init=False)
class TerminalModes(OutputChunk):
    """What a terminal that joins late must be told before the output that follows; it has empty ``data``.

    ``sequence`` is escape text that brings a fresh terminal to the modes that hold at ``offset``, and ``rows`` and
    ``cols`` the size that the command's terminal has.
    """

    sequence: str
    rows: int
    cols: int
    end: int
    """Where the output ended when the server sent this: what comes before it is old."""

    def __init__(self, offset: int, sequence: str, rows: int, cols: int, end: int = 0) -> None:
        OutputChunk.__init__(self, "stdout", "", offset)
        for name, value in (("sequence", sequence), ("rows", rows), ("cols", cols), ("end", end)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, init=False)
class InputTaken(OutputChunk):
    """The command's session has taken ``taken`` bytes of this reader's numbered input; it has empty ``data``."""

    taken: int

    def __init__(self, offset: int, taken: int) -> None:
        OutputChunk.__init__(self, "stdout", "", offset)
        object.__setattr__(self, "taken", taken)


@dataclass(frozen=True, slots=True, init=False)
class Skipped(OutputChunk):
    """The reader's ``skip`` has been done: what follows is the newest output. It has empty ``data``."""

    def __init__(self, offset: int) -> None:
        OutputChunk.__init__(self, "stdout", "", offset)


@dataclass(frozen=True, slots=True, init=False)
class Resized(OutputChunk):
    """From here on the command's terminal has this size; it has empty ``data``."""

    rows: int
    cols: int

    def __init__(self, offset: int, rows: int, cols: int) -> None:
        OutputChunk.__init__(self, "stdout", "", offset)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "cols", cols)


class Page(list[T]):
    """A list as a server gave it.

    ``total`` is how many there are in all, and ``next_cursor`` gives the next page; both are None where the whole list
    was asked for, and ``next_cursor`` on the last page.
    """

    def __init__(self, items: Iterable[T] = (), *, total: int | None = None, next_cursor: str | None = None) -> None:
        super().__init__(items)
        self.total = total
        self.next_cursor = next_cursor


@dataclass(frozen=True)
class ResourceSpec:
    """What one sandbox may use, as Kubernetes quantities (``500m``, ``2``, ``512Mi``, ``1Gi``)."""

    cpu: str = "500m"
    memory: str = "512Mi"
    storage: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ResourceSpec:
        """Read a template's ``resources``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "resources")
        return cls(fields.text("cpu", "500m"), fields.text("memory", "512Mi"), fields.optional_text("storage"))


@dataclass(frozen=True)
class VolumeMountSpec:
    """A volume, and the absolute path inside the sandbox where it appears."""

    volume_name: str
    mount_path: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> VolumeMountSpec:
        """Read one of a template's ``volume_mounts``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "volume mount")
        return cls(fields.text("volume_name"), fields.text("mount_path"))


@dataclass(frozen=True)
class VolumeUsers:
    """Who uses a volume: the oldest templates that mount it, by name, and how many sandboxes have it mounted.

    ``template_count`` is how many templates there are; ``sandbox_names`` are the oldest, only where one volume was
    asked for.
    """

    templates: tuple[str, ...] = ()
    template_count: int = 0
    sandboxes: int = 0
    sandbox_names: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> VolumeUsers:
        """Read a volume's ``used_by``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "users of a volume")
        return cls(
            fields.texts("templates"),
            fields.integer("template_count"),
            fields.integer("sandboxes"),
            fields.texts("sandbox_names"),
        )


@dataclass(frozen=True)
class TemplateUsers:
    """How many sandboxes and pools use a template; the oldest by name, only where one template was asked for."""

    sandboxes: int = 0
    pools: int = 0
    sandbox_names: tuple[str, ...] = ()
    pool_names: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TemplateUsers:
        """Read a template's ``used_by``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "users of a template")
        return cls(
            fields.integer("sandboxes"),
            fields.integer("pools"),
            fields.texts("sandbox_names"),
            fields.texts("pool_names"),
        )


@dataclass(frozen=True)
class Volume:
    """Storage that outlives sandboxes. Times are ISO 8601 text as the server sent them."""

    name: str
    size: str
    storage_class: str
    id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    status: str = "ready"
    status_message: str | None = None
    created_by: str | None = None
    wanted_size: str | None = None
    """To which it is growing now."""
    used_bytes: int | None = None
    """What its files take; with the next two only where ``include="usage"`` asked for it and the server can tell."""
    usable_bytes: int | None = None
    """The most that its files can take, a little less than its size."""
    used_by: VolumeUsers | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Volume:
        """Read a volume. Raises ``InvalidResponseError``."""
        fields = Fields(data, "volume")
        return cls(
            name=fields.text("name"),
            size=fields.text("size", "unknown"),
            storage_class=fields.text("storage_class", "default"),
            id=fields.optional_text("id"),
            created_at=fields.optional_text("created_at"),
            updated_at=fields.optional_text("updated_at"),
            status=fields.text("status", "ready"),
            status_message=fields.optional_text("status_message"),
            created_by=fields.optional_text("created_by"),
            wanted_size=fields.optional_text("wanted_size"),
            used_bytes=fields.optional_integer("used_bytes"),
            usable_bytes=fields.optional_integer("usable_bytes"),
            used_by=VolumeUsers.from_dict(data["used_by"]) if data.get("used_by") is not None else None,
        )


@dataclass(frozen=True)
class Template:
    """Image, limits and mounts that sandboxes are made from."""

    name: str
    image: str
    resources: ResourceSpec
    volume_mounts: tuple[VolumeMountSpec, ...] = ()
    id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    created_by: str | None = None
    used_by: TemplateUsers | None = None
    """Only where ``include="usage"`` asked for it."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Template:
        """Read a template. Raises ``InvalidResponseError``."""
        fields = Fields(data, "template")
        return cls(
            name=fields.text("name"),
            image=fields.text("image", "unknown"),
            resources=ResourceSpec.from_dict(data.get("resources") or {}),
            volume_mounts=tuple(VolumeMountSpec.from_dict(each) for each in fields.objects("volume_mounts")),
            id=fields.optional_text("id"),
            created_at=fields.optional_text("created_at"),
            updated_at=fields.optional_text("updated_at"),
            created_by=fields.optional_text("created_by"),
            used_by=TemplateUsers.from_dict(data["used_by"]) if data.get("used_by") is not None else None,
        )


@dataclass(frozen=True)
class Pool:
    """Sandboxes of one template kept ready: ``replicas`` are wanted, ``ready_replicas`` are there."""

    name: str
    template_name: str
    replicas: int
    id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    ready_replicas: int | None = None
    status_message: str | None = None
    created_by: str | None = None
    status: str | None = None
    """``filling``, ``ready`` (full), ``paused``, ``failing`` or ``limited``; ``status_message`` says why."""
    failures: int | None = None
    """Starts that failed since the pool was last steady."""
    retry_at: str | None = None
    stats: Mapping[str, Any] | None = None
    """What its newest claims add up to: all of it of one pool, its hit rate in lists with ``include="usage"``."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Pool:
        """Read a pool. Raises ``InvalidResponseError``."""
        fields = Fields(data, "pool")
        return cls(
            name=fields.text("name"),
            template_name=fields.text("template_name"),
            replicas=fields.integer("replicas"),
            id=fields.optional_text("id"),
            created_at=fields.optional_text("created_at"),
            updated_at=fields.optional_text("updated_at"),
            ready_replicas=fields.optional_integer("ready_replicas"),
            status_message=fields.optional_text("status_message"),
            created_by=fields.optional_text("created_by"),
            status=fields.optional_text("status"),
            failures=fields.optional_integer("failures"),
            retry_at=fields.optional_text("retry_at"),
            stats=fields.mapping("stats") or None,
        )


@dataclass(frozen=True)
class ResourceStatus:
    """How far a sandbox's creation is: ``provisioning``, ``ready`` or ``failed``; the message says why it failed."""

    status: str
    status_message: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ResourceStatus:
        """Read a status. Raises ``InvalidResponseError``."""
        fields = Fields(data, "status")
        return cls(fields.text("status", "provisioning"), fields.optional_text("status_message"))


@dataclass(frozen=True)
class ServerCapabilities:
    """What a server's runtime enforces, None where it does not say; or its ``problem`` and the ``remedy`` for it."""

    runtime: str
    problem: str | None = None
    remedy: str | None = None
    isolated: bool | None = None
    """False only where code runs as plain processes of the server's machine."""
    cpu_limit: bool | None = None
    memory_limit: bool | None = None
    pids_limit: bool | None = None
    storage_limit: bool | None = None
    network: str | None = None
    """``none``, ``egress`` or ``host``."""
    volumes: bool | None = None
    volumes_shared: bool | None = None
    """Whether several sandboxes may have one volume mounted at once."""
    numbered_input: bool | None = None
    """Whether a command's numbered input is typed once, however often it is sent; see ``source`` of ``run``."""
    images: tuple[str, ...] = ()
    """Images that can be used at once; those of registries are not listed."""
    notes: tuple[str, ...] = ()
    """A sentence for each thing that is not enforced."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ServerCapabilities:
        """Read the answer of ``GET /capabilities``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "capabilities")
        flags = (
            *("isolated", "cpu_limit", "memory_limit", "pids_limit", "storage_limit"),
            *("volumes", "volumes_shared", "numbered_input"),
        )
        return cls(
            runtime=fields.text("runtime"),
            problem=fields.optional_text("problem"),
            remedy=fields.optional_text("remedy"),
            network=fields.optional_text("network"),
            images=fields.texts("images"),
            notes=fields.texts("notes"),
            **{name: fields.optional_flag(name) for name in flags},
        )


@dataclass(frozen=True)
class SandboxRecord:
    """What the server knows of one sandbox; ``Sandbox`` and ``AsyncSandbox`` add what can be done with it.

    ``dataplane_url`` works only when ``status`` is ``ready``. Lifetimes are seconds, 0 or None for none.
    """

    name: str
    template_name: str
    dataplane_url: str | None = None
    id: str | None = None
    status: str = "ready"
    status_message: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    ttl_seconds: int | None = None
    idle_ttl_seconds: int | None = None
    expires_at: str | None = None
    created_by: str | None = None
    pool_name: str | None = None
    last_activity_at: str | None = None
    stop_reason: str | None = None
    resources: SandboxHeld | None = None
    """What it holds; None unless it was asked for with ``include="usage"``."""
    usage: SandboxUsage | None = None
    """What it used when it was last measured, lately; None too where it was not asked for."""


def sandbox_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``SandboxRecord`` in what a server sent. Raises ``InvalidResponseError``."""
    fields = Fields(data, "sandbox")
    texts = ("dataplane_url", "id", "status_message", "created_at", "updated_at", "expires_at")
    ours = ("created_by", "pool_name", "last_activity_at", "stop_reason")
    resources, usage = fields.mapping("resources"), fields.mapping("usage")
    return {
        "name": fields.text("name"),
        "template_name": fields.text("template_name"),
        "status": fields.text("status", "ready"),
        "ttl_seconds": fields.optional_integer("ttl_seconds"),
        "idle_ttl_seconds": fields.optional_integer("idle_ttl_seconds"),
        "resources": SandboxHeld.from_dict(resources) if resources else None,
        "usage": SandboxUsage.from_dict(usage) if usage else None,
    } | {name: fields.optional_text(name) for name in texts + ours}


SandboxTemplate = Template
"""The name that the seed's API reference gives to ``Template``."""
