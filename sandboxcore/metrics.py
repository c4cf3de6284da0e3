"""What sandboxes use, and what runs in them, as dataclasses; extensions that only some servers have.

Moments are ISO 8601 text as the server sent them; None stands for what the server's runtime cannot tell. ``from_dict``
raises ``InvalidResponseError``. Names and command lines of processes are the sandbox's own words: not to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandboxcore.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS = ("cpu_millis", "memory_bytes", "storage_bytes", "pids")


@dataclass(frozen=True)
class SandboxHeld:
    """What a sandbox holds of its workspace's limits, and so may use; ``cpu_millis`` are thousandths of a core."""

    cpu_millis: int
    memory_bytes: int
    storage_bytes: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SandboxHeld:
        """Read a sandbox's ``resources``."""
        fields = Fields(data, "resources of a sandbox")
        return cls(fields.integer("cpu_millis"), fields.integer("memory_bytes"), fields.integer("storage_bytes"))


@dataclass(frozen=True)
class SandboxUsage:
    """What a sandbox used when it was last measured; ``cpu_millis`` on average since the time before."""

    at: str
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    pids: int | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SandboxUsage:
        """Read a sandbox's ``usage``."""
        fields = Fields(data, "usage of a sandbox")
        return cls(fields.text("at"), **{name: fields.optional_integer(name) for name in _LIMITS})


@dataclass(frozen=True)
class MetricsPoint:
    """What a sandbox used at ``at``; cpu, network, kills and throttling are those since the point before."""

    at: str
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    pids: int | None = None
    rx_bytes_per_second: int | None = None
    tx_bytes_per_second: int | None = None
    oom_kills: int | None = None
    throttled_seconds: float | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MetricsPoint:
        """Read one point."""
        fields = Fields(data, "metrics")
        whole = (*_LIMITS, "rx_bytes_per_second", "tx_bytes_per_second", "oom_kills")
        return cls(
            fields.text("at"),
            throttled_seconds=fields.optional_number("throttled_seconds"),
            **{name: fields.optional_integer(name) for name in whole},
        )


@dataclass(frozen=True)
class SandboxMetrics:
    """What a sandbox used from ``start`` to ``end``, a point every ``step_seconds``, oldest first.

    ``limits`` has ``cpu_millis``, ``memory_bytes``, ``storage_bytes`` and ``pids``, each None where it is not known.
    """

    start: str
    end: str
    step_seconds: float
    limits: Mapping[str, int | None] = field(default_factory=dict)
    points: tuple[MetricsPoint, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SandboxMetrics:
        """Read the answer of ``GET /boxes/NAME/metrics``."""
        fields = Fields(data, "metrics")
        limits = Fields(fields.mapping("limits"), "limits of a sandbox")
        return cls(
            fields.text("from"),
            fields.text("to"),
            fields.number("step_seconds"),
            {name: limits.optional_integer(name) for name in _LIMITS},
            tuple(MetricsPoint.from_dict(each) for each in fields.objects("points")),
        )


@dataclass(frozen=True)
class WorkspacePoint:
    """What the ``sandboxes`` of a workspace and the ``warm`` ones of its pools used together at ``at``."""

    at: str
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    sandboxes: int = 0
    warm: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkspacePoint:
        """Read one point."""
        fields = Fields(data, "metrics")
        return cls(
            fields.text("at"),
            fields.optional_integer("cpu_millis"),
            fields.optional_integer("memory_bytes"),
            fields.integer("sandboxes"),
            fields.integer("warm"),
        )


@dataclass(frozen=True)
class WorkspaceMetrics:
    """What a workspace used from ``start`` to ``end``, a point every ``step_seconds``, oldest first."""

    start: str
    end: str
    step_seconds: float
    points: tuple[WorkspacePoint, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkspaceMetrics:
        """Read the answer of ``GET /metrics``."""
        fields = Fields(data, "metrics")
        points = tuple(WorkspacePoint.from_dict(each) for each in fields.objects("points"))
        return cls(fields.text("from"), fields.text("to"), fields.number("step_seconds"), points)


@dataclass(frozen=True)
class SandboxProcess:
    """A process inside a sandbox; ``state`` is the kernel's letter, ``internal`` one that the runtime runs itself."""

    pid: int
    command: str
    ppid: int = 0
    user: str = ""
    state: str = ""
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    started_at: str = ""
    threads: int = 1
    internal: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SandboxProcess:
        """Read one process."""
        fields = Fields(data, "process")
        return cls(
            pid=fields.required_integer("pid"),
            command=fields.text("command"),
            ppid=fields.integer("ppid"),
            user=fields.text("user"),
            state=fields.text("state"),
            cpu_seconds=fields.number("cpu_seconds"),
            memory_bytes=fields.integer("memory_bytes"),
            started_at=fields.text("started_at"),
            threads=fields.integer("threads", 1),
            internal=fields.optional_flag("internal") or False,
        )


class ProcessList(list[SandboxProcess]):
    """The processes inside a sandbox by number; ``truncated`` tells that there are more."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        fields = Fields(data, "processes")
        super().__init__(SandboxProcess.from_dict(each) for each in fields.objects("processes"))
        self.truncated = fields.optional_flag("truncated") or False


@dataclass(frozen=True)
class ListeningPort:
    """A TCP port on which a program inside a sandbox listens; ``pid`` and ``command`` where they can be told."""

    port: int
    address: str = ""
    pid: int | None = None
    command: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ListeningPort:
        """Read one port."""
        fields = Fields(data, "port")
        return cls(
            fields.required_integer("port"),
            fields.text("address"),
            fields.optional_integer("pid"),
            fields.optional_text("command"),
        )


class PortList(list[ListeningPort]):
    """The ports on which programs inside a sandbox listen; ``truncated`` tells that there are more."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        fields = Fields(data, "ports")
        super().__init__(ListeningPort.from_dict(each) for each in fields.objects("ports"))
        self.truncated = fields.optional_flag("truncated") or False
