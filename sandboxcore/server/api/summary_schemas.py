"""Bodies of the answers that count."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sandboxcore.server.api.schemas import Body


class VolumesByStateOut(Body):
    """How many volumes are in each state."""

    ready: int
    provisioning: int
    failed: int


class SandboxesByStateOut(VolumesByStateOut):
    """How many sandboxes are in each state."""

    warm: Annotated[int, Field(description="Of pools, not yet claimed, in whatever state; not among the others.")]


class PoolsByStatusOut(Body):
    """How many pools have each status."""

    filling: int
    ready: int
    paused: int
    failing: int
    limited: int


class IdleOut(Body):
    """A ready sandbox, what it holds and when it was last used."""

    id: str
    name: str
    last_activity_at: str
    cpu_millis: int
    memory_bytes: int


class FailedOut(Body):
    """A failed sandbox and why."""

    id: str
    name: str
    status_message: str | None
    updated_at: str


class SummaryOut(Body):
    """What a workspace has, counted at one moment."""

    sandboxes: SandboxesByStateOut
    templates: int
    volumes: VolumesByStateOut
    pools: PoolsByStatusOut
    ready_replicas: Annotated[int, Field(description="Of all pools together.")]
    wanted_replicas: int
    idle: Annotated[list[IdleOut], Field(description="The five ready sandboxes that were not used for longest.")]
    failed: Annotated[list[FailedOut], Field(description="The five sandboxes that failed last.")]
