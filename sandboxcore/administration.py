"""What an operator sees through the admin API, as dataclasses: workspaces, their keys and limits, admin keys.

Moments are ISO 8601 text as the server sent them. ``from_dict`` raises ``InvalidResponseError``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandboxcore.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class WorkspaceLimits:
    """What a workspace may hold; None is no limit, and for lifetimes what the server's settings say."""

    max_sandboxes: int | None = None
    max_cpu_millis: int | None = None
    max_memory_bytes: int | None = None
    max_storage_bytes: int | None = None
    max_volumes: int | None = None
    max_pools: int | None = None
    max_ttl_seconds: int | None = None
    default_ttl_seconds: int | None = None
    default_idle_ttl_seconds: int | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkspaceLimits:
        """Read the limits of a workspace."""
        fields = Fields(data, "limits")
        return cls(**{name: fields.optional_integer(name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class WorkspaceHeld:
    """What a workspace holds now."""

    sandboxes: int = 0
    cpu_millis: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    volumes: int = 0
    pools: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkspaceHeld:
        """Read what a workspace holds."""
        fields = Fields(data, "held")
        return cls(**{name: fields.integer(name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class LimitsAndHeld:
    """What a workspace may hold, and what it holds."""

    limits: WorkspaceLimits
    held: WorkspaceHeld

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LimitsAndHeld:
        """Read the answer of ``GET …/limits``."""
        fields = Fields(data, "limits")
        return cls(WorkspaceLimits.from_dict(fields.mapping("limits")), WorkspaceHeld.from_dict(fields.mapping("held")))


@dataclass(frozen=True)
class Workspace:
    """Who owns sandboxes and all else; ``deleting_at`` is since when it is on its way out."""

    id: str
    name: str
    created_at: str | None = None
    deleting_at: str | None = None
    limits: WorkspaceLimits = field(default_factory=WorkspaceLimits)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Workspace:
        """Read a workspace."""
        fields = Fields(data, "workspace")
        return cls(
            fields.required_text("id"),
            fields.text("name"),
            fields.optional_text("created_at"),
            fields.optional_text("deleting_at"),
            WorkspaceLimits.from_dict(fields.mapping("limits")),
        )


@dataclass(frozen=True)
class WorkspaceCounts:
    """What a workspace has, counted; ``sandboxes`` by status, without the warm ones of pools."""

    id: str
    name: str
    sandboxes: Mapping[str, int]
    warm_sandboxes: int
    templates: int
    volumes: int
    pools: int
    keys: int
    last_used_at: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkspaceCounts:
        """Read one of an overview."""
        fields = Fields(data, "overview")
        states = fields.mapping("sandboxes")
        counted = Fields(states, "sandboxes")
        counts = ("warm_sandboxes", "templates", "volumes", "pools", "keys")
        return cls(
            id=fields.required_text("id"),
            name=fields.text("name"),
            sandboxes={status: counted.integer(status) for status in states},
            last_used_at=fields.optional_text("last_used_at"),
            **{name: fields.integer(name) for name in counts},
        )


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the server's database wants it.

    ``kind`` is ``sandbox``, ``volume``, ``usage``, ``history`` or ``workspace``; ``action`` the step that mends it, of
    which ``leave`` is none; ``outcome`` is None in a dry run.
    """

    kind: str
    id: str
    action: str
    reason: str = ""
    workspace: str | None = None
    name: str | None = None
    since: str | None = None
    outcome: str | None = None
    message: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Difference:
        """Read one of a reconciliation."""
        fields = Fields(data, "difference")
        texts = ("workspace", "name", "since", "outcome", "message")
        return cls(
            fields.required_text("kind"),
            fields.required_text("id"),
            fields.required_text("action"),
            fields.text("reason"),
            **{name: fields.optional_text(name) for name in texts},
        )


@dataclass(frozen=True)
class Reconciliation:
    """Where a server's database and its runtime differ; of more than 1000 ``total`` differences the first are told."""

    runtime: str
    differences: tuple[Difference, ...] = ()
    total: int = 0
    checked_at: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reconciliation:
        """Read a reconciliation."""
        fields = Fields(data, "reconciliation")
        return cls(
            fields.required_text("runtime"),
            tuple(map(Difference.from_dict, fields.objects("differences"))),
            fields.integer("total"),
            fields.optional_text("checked_at"),
        )


@dataclass(frozen=True)
class AdminKey:
    """A key of the admin API; ``id`` is its public part. ``status`` is ``living``, ``expired`` or ``revoked``."""

    id: str
    name: str
    status: str = "living"
    created_at: str | None = None
    created_by: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None
    revoked_by: str | None = None
    last_used_at: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AdminKey:
        """Read an admin key."""
        return cls(**_key(data))


@dataclass(frozen=True)
class NewAdminKey(AdminKey):
    """An admin key just made: the only moment when its text is to be had."""

    admin_key: str = field(default="", repr=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NewAdminKey:
        """Read an admin key with its text."""
        return cls(**_key(data), admin_key=Fields(data, "admin key").required_text("admin_key"))


@dataclass(frozen=True)
class ApiKey(AdminKey):
    """A key of a workspace; ``scopes`` are among ``read``, ``run`` and ``manage``."""

    scopes: tuple[str, ...] = ()
    acts_for_people: bool = False
    """Whether it may name, in ``X-Sandbox-Actor``, the person that it acts for."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ApiKey:
        """Read a key."""
        return cls(**_api_key(data))


@dataclass(frozen=True)
class NewApiKey(ApiKey):
    """A key just made: the only moment when its text is to be had. ``replaces`` is the one that it was rotated from."""

    api_key: str = field(default="", repr=False)
    replaces: ApiKey | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NewApiKey:
        """Read a key with its text."""
        fields = Fields(data, "key")
        old = fields.mapping("replaces")
        replaces = ApiKey.from_dict(old) if old else None
        return cls(**_api_key(data), api_key=fields.required_text("api_key"), replaces=replaces)


def _key(data: Mapping[str, Any]) -> dict[str, Any]:
    fields = Fields(data, "key")
    texts = ("created_at", "created_by", "expires_at", "revoked_at", "revoked_by", "last_used_at")
    return {
        "id": fields.required_text("id"),
        "name": fields.text("name"),
        "status": fields.text("status", "living"),
    } | {name: fields.optional_text(name) for name in texts}


def _api_key(data: Mapping[str, Any]) -> dict[str, Any]:
    fields = Fields(data, "key")
    acts = bool(fields.optional_flag("acts_for_people"))
    return _key(data) | {"scopes": fields.texts("scopes"), "acts_for_people": acts}
