"""Bodies of requests and answers. Fields not known are ignored, so that clients may be newer than the server."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Quantity = Annotated[
    str,
    BeforeValidator(
        lambda value: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    ),
    Field(max_length=32, examples=["500m", "1Gi"]),
]
"""A Kubernetes quantity; a plain number is taken for its text."""
Name = Annotated[
    str,
    Field(
        max_length=100,
        examples=["my-sandbox"],
        # Said here and checked by the service, whose words are better than a pattern's.
        json_schema_extra={"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
    ),
]


class Body(BaseModel):
    """Root of the bodies."""

    model_config = ConfigDict(extra="ignore")


class ErrorDetail(Body):
    """What went wrong: a stable kind and words for a person."""

    error: str
    message: str


class FieldError(Body):
    """A value that is wrong, and where."""

    type: str = "value_error"
    loc: list[str | int]
    msg: str


class ErrorBody(Body):
    """Every answer that is not a success."""

    detail: ErrorDetail | list[FieldError]


class ResourcesIn(Body):
    """Limits of each sandbox of a template."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    storage: Quantity | None = None


class MountIn(Body):
    """A volume by name and the absolute path where it appears."""

    volume_name: Name
    mount_path: Annotated[str, Field(max_length=1024)]


class TemplateIn(Body):
    """A template to make."""

    name: Name
    image: Annotated[str, Field(max_length=512, examples=["python:3.12-slim"])]
    resources: ResourcesIn | None = None
    volume_mounts: Annotated[list[MountIn], Field(max_length=100)] | None = None


class VolumeIn(Body):
    """A volume to make."""

    name: Name
    size: Quantity
    wait_for_ready: bool = True
    timeout: Annotated[float, Field(ge=0, le=3600)] = 60


class VolumePatch(Body):
    """What is to change; what is not given stays."""

    name: Name | None = None
    size: Quantity | None = None
    wait_for_ready: Annotated[
        bool, Field(description="Whether the answer comes when it has grown; else it tells `wanted_size` until then.")
    ] = True


class VolumeOut(Body):
    """A volume."""

    id: str
    name: str
    size: str
    wanted_size: Annotated[str | None, Field(description="To which it is growing now.")]
    storage_class: str
    status: Annotated[str, Field(examples=["provisioning", "ready", "failed"])]
    status_message: str | None
    created_at: str
    updated_at: str
    created_by: str


class ListOut(Body):
    """What a list that was asked with any parameter says beside its items."""

    total: Annotated[int | None, Field(description="How many fit in all.")] = None
    next_cursor: Annotated[str | None, Field(description="Gives the next page; null on the last one.")] = None


class RenameIn(Body):
    """A new name."""

    name: Name


class BoxIn(Body):
    """A sandbox to make."""

    # What is not known is kept, so that what must not be ignored can be refused.
    model_config = ConfigDict(extra="allow")

    template_name: Annotated[str, Field(max_length=100)]
    name: Name | None = None
    wait_for_ready: bool = True
    timeout: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    ttl_seconds: int | None = None
    idle_ttl_seconds: int | None = None


class BoxPatch(Body):
    """What is to change; what is not given stays."""

    name: Name | None = None
    ttl_seconds: int | None = None
    idle_ttl_seconds: int | None = None


class PoolIn(Body):
    """A pool to make."""

    name: Name
    template_name: Annotated[str, Field(max_length=100)]
    replicas: Annotated[int, Field(ge=1, le=100)]
    wait_for_ready: bool = True
    timeout: Annotated[float, Field(ge=1, le=600)] = 30


class PoolPatch(Body):
    """What is to change; what is not given stays."""

    name: Name | None = None
    replicas: Annotated[int, Field(ge=0, le=100)] | None = None


class PoolOut(Body):
    """A pool."""

    id: str
    name: str
    template_name: str
    replicas: int
    ready_replicas: int
    status: Literal["filling", "ready", "paused", "failing", "limited"]
    status_message: str | None
    failures: int
    retry_at: str | None
    created_at: str
    updated_at: str
    created_by: str


class PoolRateOut(Body):
    """How the newest creates of a pool's template went."""

    hits: int
    misses: int
    hit_rate: float | None
    window_seconds: int


class PoolStatsOut(PoolRateOut):
    """What the newest claims of a pool add up to; milliseconds are from the request to the sandbox that is ready."""

    claim_ms_p50: float | None
    claim_ms_p99: float | None
    cold_ms_p50: float | None
    misses_by_reason: dict[str, int]
    suggested_replicas: Annotated[
        int | None, Field(description="The fewest with which each of these creates would have found a warm sandbox.")
    ]
    suggested_because: str
    warm_seconds: Annotated[float, Field(description="For how long sandboxes waited in the window, all together.")]
    warm_cpu_seconds: Annotated[float, Field(description="The cores that they reserved, times seconds.")]
    warm_memory_byte_seconds: float


class PoolWithStatsOut(PoolOut):
    """A pool with its statistics."""

    stats: PoolStatsOut


class ClaimOut(Body):
    """One create call for the pool's template: a hit took a warm sandbox, a miss says why there was none."""

    at: str
    hit: bool
    ms: float | None
    reason: Literal["empty", "paused", "failing", "limited", "dead"] | None


class ClaimsOut(Body):
    """The newest claims of a pool, newest first."""

    claims: list[ClaimOut]


class PoolWithRateOut(PoolOut):
    """A pool of a list."""

    stats: Annotated[PoolRateOut | None, Field(description="Only with `include=usage`.")] = None


class PoolsOut(ListOut):
    """Every pool of the workspace."""

    pools: list[PoolWithRateOut]


class ExecuteIn(Body):
    """A command to run to its end."""

    command: str
    timeout: float | None = None
    shell: str | None = None
    env: dict[str, str] | None = None
    cwd: str | None = None
    command_id: str | None = None


class ResourcesOut(Body):
    """Limits as they were written."""

    cpu: str
    memory: str
    storage: str


class MountOut(Body):
    """A mounted volume."""

    volume_name: str
    mount_path: str


class TemplateOut(Body):
    """A template."""

    id: str
    name: str
    image: str
    resources: ResourcesOut
    volume_mounts: list[MountOut]
    created_at: str
    updated_at: str
    created_by: str


class BoxResourcesOut(Body):
    """What a sandbox holds of its workspace's limits, and so may use."""

    cpu_millis: Annotated[int, Field(description="Thousandths of a core.")]
    memory_bytes: int
    storage_bytes: int


class BoxUsageOut(Body):
    """What a sandbox used when it was last measured; null where the runtime cannot tell."""

    at: str
    cpu_millis: Annotated[int | None, Field(description="On average since the measurement before.")]
    memory_bytes: int | None
    storage_bytes: int | None
    pids: int | None


class BoxOut(Body):
    """A sandbox."""

    id: str
    name: str
    template_name: str
    status: Annotated[str, Field(examples=["provisioning", "ready", "failed"])]
    status_message: str | None
    dataplane_url: str
    created_at: str
    updated_at: str
    ttl_seconds: int
    idle_ttl_seconds: int
    expires_at: str | None
    created_by: str
    pool_name: str | None
    last_activity_at: str
    stop_reason: str | None
    resources: Annotated[BoxResourcesOut | None, Field(description="Only with `include=usage`.")] = None
    usage: Annotated[
        BoxUsageOut | None, Field(description="Only with `include=usage`; null before it is measured.")
    ] = None


class BoxesOut(ListOut):
    """Every sandbox of the workspace."""

    sandboxes: list[BoxOut]


class StatusOut(Body):
    """How far a sandbox is."""

    status: str
    status_message: str | None


class ServiceUrlIn(Body):
    """Leave to reach a port inside a sandbox, for so long."""

    port: Annotated[int, Field(ge=1, le=65535, strict=True)]
    expires_in_seconds: Annotated[int, Field(ge=1, le=86400, strict=True)] = 600


class ServiceUrlOut(Body):
    """Where to find the service, and the token that opens it; the token is shown only here."""

    browser_url: Annotated[str, Field(description="Open it in a browser: it gives that browser the token as a cookie.")]
    service_url: Annotated[
        str, Field(description="Base for programs, which send the token as `X-Langsmith-Sandbox-Service-Token`.")
    ]
    token: str
    expires_at: str


class ExecuteOut(Body):
    """What a command printed and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


class UploadOut(Body):
    """What was written."""

    path: str
    size: int


class CapabilitiesOut(Body):
    """What the runtime enforces on this machine, or why it cannot be used."""

    available: bool
    problem: str | None
    remedy: str | None
    runtime: str
    isolated: bool | None = None
    cpu_limit: bool | None = None
    memory_limit: bool | None = None
    pids_limit: bool | None = None
    storage_limit: bool | None = None
    network: str | None = None
    volumes: bool | None = None
    volumes_shared: Annotated[
        bool | None, Field(description="Whether several sandboxes may have one volume mounted at once.")
    ] = None
    storage_class: str | None = None
    numbered_input: Annotated[
        bool, Field(description="Whether `/execute/ws` takes numbered input, whose retries are typed once.")
    ] = True
    images: list[str] | None = None
    notes: list[str] | None = None


class HealthOut(Body):
    """The server answers."""

    status: str
    runtime_available: bool
    details: dict[str, Any] | None = None
