"""Bodies of the admin API's requests and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from sandboxcore.server.api.schemas import Body, Name
from sandboxcore.server.auth import SCOPES, Scope
from sandboxcore.server.services.keys import MAX_LIFETIME_SECONDS

KeyName = Annotated[str, Field(max_length=200, examples=["ci"])]
Seconds = Annotated[int, Field(ge=1, le=MAX_LIFETIME_SECONDS)]
Count = Annotated[int | None, Field(description="`null` is no limit.")]


class WorkspaceLimitsIn(Body):
    """Limits and lifetimes to change: what is not given stays, `null` is none."""

    max_sandboxes: Count = None
    max_cpu_millis: Count = None
    max_memory_bytes: Count = None
    max_storage_bytes: Count = None
    max_volumes: Count = None
    max_pools: Count = None
    max_ttl_seconds: Count = None
    default_ttl_seconds: Count = None
    default_idle_ttl_seconds: Count = None

    def changes(self) -> dict[str, int | None]:
        """What was given."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class WorkspaceLimitsOut(Body):
    """Limits and lifetimes of a workspace; `null` is none."""

    max_sandboxes: int | None
    max_cpu_millis: int | None
    max_memory_bytes: int | None
    max_storage_bytes: int | None
    max_volumes: int | None
    max_pools: int | None
    max_ttl_seconds: int | None
    default_ttl_seconds: int | None
    default_idle_ttl_seconds: int | None


class HeldOut(Body):
    """What a workspace holds now."""

    sandboxes: int
    cpu_millis: int
    memory_bytes: int
    storage_bytes: int
    volumes: int
    pools: int


class LimitsAndHeldOut(Body):
    """What a workspace may hold, and what it holds."""

    limits: WorkspaceLimitsOut
    held: HeldOut


class WorkspaceIn(Body):
    """A workspace to make."""

    name: Name
    limits: WorkspaceLimitsIn | None = None


class WorkspacePatch(Body):
    """What is to change; what is not given stays."""

    name: Name | None = None
    limits: WorkspaceLimitsIn | None = None


class WorkspaceOut(Body):
    """A workspace."""

    id: str
    name: str
    created_at: str
    deleting_at: Annotated[str | None, Field(description="Since when it is on its way out; its name is free.")]
    limits: WorkspaceLimitsOut


class WorkspacesOut(Body):
    """A page of workspaces, by name."""

    workspaces: list[WorkspaceOut]
    total: int


class KeyIn(Body):
    """A key to make."""

    name: KeyName
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3, default_factory=lambda: list(SCOPES))]
    acts_for_people: Annotated[bool, Field(description="Whether it may name people in `X-Sandbox-Actor`.")] = False
    expires_at: AwareDatetime | None = None
    expires_in_seconds: Seconds | None = None


class KeyPatch(Body):
    """What is to change; what is not given stays. An `expires_at` of `null` is never."""

    name: KeyName | None = None
    expires_at: AwareDatetime | None = None


class KeyRotateIn(Body):
    """How a key is replaced."""

    overlap_seconds: Annotated[
        int, Field(ge=0, le=7 * 86400, description="How long the old secret goes on; 0 ends it at once.")
    ] = 0


class AnyKeyOut(Body):
    """A key, without its secret."""

    id: Annotated[str, Field(description="Its public part, the middle of its text.")]
    name: str
    status: Annotated[str, Field(examples=["living", "expired", "revoked"])]
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    revoked_by: str | None
    last_used_at: str | None


class KeyOut(AnyKeyOut):
    """A key of a workspace, without its secret."""

    scopes: list[str]
    acts_for_people: bool


class KeyMadeOut(KeyOut):
    """A key just made."""

    api_key: Annotated[str, Field(description="Its text, which is shown this once.", examples=["sbx_…"])]


class KeyRotatedOut(KeyMadeOut):
    """A key just made in place of another."""

    replaces: KeyOut


class KeysOut(Body):
    """Keys of a workspace, oldest first."""

    keys: list[KeyOut]


class AdminKeyIn(Body):
    """An admin key to make."""

    name: KeyName
    expires_at: AwareDatetime | None = None
    expires_in_seconds: Seconds | None = None


class AdminKeyOut(AnyKeyOut):
    """An admin key, without its secret."""


class AdminKeyMadeOut(AdminKeyOut):
    """An admin key just made."""

    admin_key: Annotated[str, Field(description="Its text, which is shown this once.", examples=["sbxa_…"])]


class AdminKeysOut(Body):
    """Every admin key, oldest first."""

    admin_keys: list[AdminKeyOut]


class CountsOut(Body):
    """What a workspace has, counted."""

    id: str
    name: str
    sandboxes: Annotated[dict[str, int], Field(description="By status, without warm ones.")]
    warm_sandboxes: int
    templates: int
    volumes: int
    pools: int
    keys: Annotated[int, Field(description="Those that live.")]
    last_used_at: Annotated[str | None, Field(description="The last use of any of its keys.")]


class OverviewOut(Body):
    """A page of workspaces, by name, each with what it has."""

    workspaces: list[CountsOut]
    total: int
    deleting: Annotated[int, Field(description="Workspaces on their way out.")]


class DifferenceOut(Body):
    """One thing that is not as the database wants it."""

    kind: Annotated[str, Field(examples=["sandbox", "volume", "usage", "history", "workspace"])]
    id: str
    workspace: Annotated[str | None, Field(description="`null` where no row knows it.")]
    name: str | None
    action: Annotated[str, Field(description="The step that mends it; `leave` is none.", examples=["destroy", "leave"])]
    reason: str
    since: str | None
    outcome: Annotated[
        str | None, Field(description="`done`, `goes_on`, `not_needed`, `left_alone` or `failed`; `null` in a dry run.")
    ]
    message: Annotated[str | None, Field(description="Why it failed.")]


class ReconciliationOut(Body):
    """Where the database and the runtime differ."""

    checked_at: str
    runtime: str
    total: Annotated[int, Field(description="How many differences there are; at most 1000 are told.")]
    differences: list[DifferenceOut]
