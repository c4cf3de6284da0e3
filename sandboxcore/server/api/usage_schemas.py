"""Query and answers of ``/limits`` and ``/usage``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from sandboxcore.server.api.schemas import Body
from sandboxcore.server.services.usage import By, Step  # noqa: TC001  # pydantic reads the annotations


class LimitOut(Body):
    """The most that may be held, null for no limit, and what is held now."""

    limit: int | None
    held: int


class LifetimesOut(Body):
    """Lifetimes of new sandboxes, in seconds."""

    max_ttl_seconds: Annotated[int | None, Field(description="Within which every sandbox ends; null is no bound.")]
    default_ttl_seconds: Annotated[int, Field(description="Of a sandbox whose creator names none; 0 is no end.")]
    default_idle_ttl_seconds: Annotated[int, Field(description="The same for idle time; 0 is never.")]


class LimitsOut(Body):
    """What the workspace may hold and holds; warm sandboxes of pools hold like others, failed ones only count."""

    sandboxes: LimitOut
    cpu_millis: Annotated[LimitOut, Field(description="Thousandths of a core.")]
    memory_bytes: LimitOut
    storage_bytes: Annotated[LimitOut, Field(description="Volumes and sandboxes' disks together.")]
    volumes: LimitOut
    pools: LimitOut
    lifetimes: LifetimesOut


class UsageQuery(Body):
    """Of when usage is asked for, and how it is cut; a moment that names no zone is UTC."""

    start: Annotated[datetime | None, Field(alias="from", examples=["2026-01-31T00:00:00Z"])] = None
    end: Annotated[datetime | None, Field(alias="to", examples=["2026-02-28T00:00:00Z"])] = None
    step: Step = "day"
    by: By = "none"

    def as_asked(self) -> dict[str, Any]:
        """What ``services.usage.report`` takes; moments in seconds since the epoch."""
        return {"start": _seconds(self.start), "end": _seconds(self.end), "step": self.step, "by": self.by}


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class UsageRowOut(Body):
    """What one group used in one step: what was reserved, times how long."""

    start: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]
    group: Annotated[
        str | None, Field(description="A template's name or `(volumes)`, a creator or `pool:NAME`, or `(others)`.")
    ]
    sandbox_seconds: float
    cpu_seconds: Annotated[float, Field(description="Reserved cores times seconds.")]
    cpu_used_seconds: Annotated[float, Field(description="Processor time as measured, where the runtime can tell.")]
    memory_byte_seconds: float
    storage_byte_seconds: float
    sandboxes_started: Annotated[int, Field(description="Created or claimed in this step.")]


class UsageOut(Body):
    """Usage by step and group, oldest first."""

    start: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]
    step: Step
    by: By
    usage: list[UsageRowOut]
