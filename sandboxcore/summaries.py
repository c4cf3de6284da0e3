"""What a workspace has, counted, as dataclasses; an extension that only some servers have.

Moments are ISO 8601 text as the server sent them. ``from_dict`` raises ``InvalidResponseError``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandboxcore.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class IdleSandbox:
    """A ready sandbox, what it holds and when it was last used."""

    id: str
    name: str
    last_activity_at: str | None = None
    cpu_millis: int = 0
    memory_bytes: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> IdleSandbox:
        """Read one of a summary's ``idle``."""
        fields = Fields(data, "idle sandbox")
        return cls(
            fields.required_text("id"),
            fields.text("name"),
            fields.optional_text("last_activity_at"),
            fields.integer("cpu_millis"),
            fields.integer("memory_bytes"),
        )


@dataclass(frozen=True)
class FailedSandbox:
    """A failed sandbox and why."""

    id: str
    name: str
    status_message: str | None = None
    updated_at: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FailedSandbox:
        """Read one of a summary's ``failed``."""
        fields = Fields(data, "failed sandbox")
        texts = (fields.optional_text("status_message"), fields.optional_text("updated_at"))
        return cls(fields.required_text("id"), fields.text("name"), *texts)


@dataclass(frozen=True)
class Summary:
    """What a workspace has, counted at one moment: ``sandboxes`` and ``volumes`` by state, ``pools`` by status.

    ``sandboxes`` has also ``warm``: those of pools that nobody has claimed, which are not among the others. ``idle``
    are the ready sandboxes that were not used for longest, ``failed`` those that failed last, at most five each.
    """

    sandboxes: Mapping[str, int] = field(default_factory=dict)
    templates: int = 0
    volumes: Mapping[str, int] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)
    ready_replicas: int = 0
    wanted_replicas: int = 0
    idle: tuple[IdleSandbox, ...] = ()
    failed: tuple[FailedSandbox, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Summary:
        """Read the answer of ``GET /summary``."""
        fields = Fields(data, "summary")
        return cls(
            sandboxes=_counts(fields, "sandboxes"),
            templates=fields.integer("templates"),
            volumes=_counts(fields, "volumes"),
            pools=_counts(fields, "pools"),
            ready_replicas=fields.integer("ready_replicas"),
            wanted_replicas=fields.integer("wanted_replicas"),
            idle=tuple(IdleSandbox.from_dict(each) for each in fields.objects("idle")),
            failed=tuple(FailedSandbox.from_dict(each) for each in fields.objects("failed")),
        )


def _counts(fields: Fields, name: str) -> dict[str, int]:
    counted = fields.mapping(name)
    return {each: Fields(counted, name).integer(each) for each in counted}
