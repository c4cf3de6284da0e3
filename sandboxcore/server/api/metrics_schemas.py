"""Queries and answers of ``/metrics``, ``/boxes/{name}/metrics``, ``/processes`` and ``/ports``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from sandboxcore.server.api.schemas import Body
from sandboxcore.server.services.metrics import Span, span_of

_Since = Annotated[str, Field(alias="from")]
_Until = Annotated[str, Field(alias="to")]


class MetricsQuery(Body):
    """Of when metrics are asked for; a moment that names no zone is UTC."""

    start: Annotated[datetime | None, Field(alias="from", examples=["2026-01-31T00:00:00Z"])] = None
    end: Annotated[datetime | None, Field(alias="to", examples=["2026-01-31T01:00:00Z"])] = None
    step: Annotated[float | None, Field(ge=1, le=86400, description="Seconds between two points.")] = None

    def span(self, interval: float) -> Span:
        """What is meant by that, where readings are ``interval`` seconds apart. Raises ``InvalidError``."""
        return span_of(_seconds(self.start), _seconds(self.end), self.step, interval=interval)


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class MetricsLimitsOut(Body):
    """What the sandbox may use at most; null where that is not known any more."""

    cpu_millis: int | None
    memory_bytes: int | None
    storage_bytes: int | None
    pids: int | None


class PointOut(Body):
    """What a sandbox used: cpu, network, kills and throttling since the point before. Null: the runtime cannot tell."""

    at: str
    cpu_millis: Annotated[int | None, Field(description="On average; null in its first point.")]
    memory_bytes: Annotated[int | None, Field(description="Without cached files that can be dropped.")]
    storage_bytes: Annotated[int | None, Field(description="Of the writable layer.")]
    pids: Annotated[int | None, Field(description="Processes and threads.")]
    rx_bytes_per_second: int | None
    tx_bytes_per_second: int | None
    oom_kills: Annotated[int | None, Field(description="Processes killed for lack of memory.")]
    throttled_seconds: Annotated[float | None, Field(description="For which processes waited for their share of cpu.")]


class MetricsOut(Body):
    """What a sandbox used over time, oldest first."""

    start: _Since
    end: _Until
    step_seconds: float
    limits: MetricsLimitsOut
    points: list[PointOut]


class WorkspacePointOut(Body):
    """What all sandboxes of the workspace used together, the warm ones of its pools too."""

    at: str
    cpu_millis: int | None
    memory_bytes: int | None
    sandboxes: Annotated[int, Field(description="That were ready, without warm ones.")]
    warm: Annotated[int, Field(description="Sandboxes of pools that nobody has claimed yet.")]


class WorkspaceMetricsOut(Body):
    """What the workspace used over time, oldest first."""

    start: _Since
    end: _Until
    step_seconds: float
    points: list[WorkspacePointOut]


class ProcessOut(Body):
    """A process inside a sandbox, as it says itself: nothing of it is to be trusted."""

    pid: Annotated[int, Field(description="As inside the sandbox.")]
    ppid: int
    user: Annotated[str, Field(max_length=32)]
    state: Annotated[str, Field(description="The kernel's letter: R runs, S sleeps, D waits, T stopped, Z ended.")]
    command: Annotated[str, Field(description="Its arguments, cut; in brackets its name where it has none.")]
    cpu_seconds: float
    memory_bytes: int
    started_at: str
    threads: int
    internal: Annotated[bool, Field(description="One of the runtime's own, which begin and watch the others.")]


class ProcessesOut(Body):
    """The processes inside a sandbox, by number."""

    processes: list[ProcessOut]
    truncated: Annotated[bool, Field(description="Whether there are more.")]


class PortOut(Body):
    """A TCP port that a program inside a sandbox listens on."""

    port: int
    address: Annotated[str, Field(examples=["127.0.0.1", "::"])]
    pid: Annotated[int | None, Field(description="Whose it is, where that can be told.")]
    command: str | None


class PortsOut(Body):
    """The TCP ports on which programs inside a sandbox listen, by number."""

    ports: list[PortOut]
    truncated: Annotated[bool, Field(description="Whether there are more.")]
