"""What a workspace may hold, has used and has seen happen, as dataclasses; extensions that only some servers have.

Moments are ISO 8601 text as the server sent them. ``from_dict`` raises ``InvalidResponseError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandboxcore.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

RESET = "reset"


@dataclass(frozen=True)
class Event:
    """One change of state in a workspace; ``number`` is its place in their order, without gaps.

    Its ``type`` is what happened to what, like ``sandbox.ready``. The subject has the name that it had then.
    """

    number: int
    type: str
    at: str = ""
    actor: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    subject_name: str = ""
    data: Mapping[str, Any] | None = None

    @property
    def is_reset(self) -> bool:
        """True if this is no event: some that were asked for are not kept any more, so read everything anew.

        ``data`` has the numbers of the ``oldest`` and the ``newest`` that are kept; the stream goes on after those.
        """
        return self.type == RESET

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """Read an event."""
        fields = Fields(data, "event")
        subject = Fields(fields.mapping("subject"), "subject of an event")
        return cls(
            number=fields.required_integer("number"),
            type=fields.required_text("type"),
            at=fields.text("at"),
            actor=fields.text("actor"),
            subject_kind=subject.text("kind"),
            subject_id=subject.text("id"),
            subject_name=subject.text("name"),
            data=fields.mapping("data"),
        )


class EventPage(list[Event]):
    """Some events in order; ``next_after`` is the ``after`` of the next page, None on the last one.

    ``oldest`` and ``newest`` are the numbers that the server keeps, None where it does not say.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        fields = Fields(data, "events")
        super().__init__(Event.from_dict(each) for each in fields.objects("events"))
        self.next_after = fields.optional_integer("next_after")
        self.oldest = fields.optional_integer("oldest")
        self.newest = fields.optional_integer("newest")


@dataclass(frozen=True)
class PastSandbox:
    """What is known of a sandbox, above all after its end: then ``status`` is ``ended``."""

    id: str
    name: str
    template_name: str
    status: str = "ended"
    pool_name: str | None = None
    failure: str | None = None
    status_message: str | None = None
    stop_reason: str | None = None
    created_by: str | None = None
    created_at: str | None = None
    ready_at: str | None = None
    ended_by: str | None = None
    ended_at: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PastSandbox:
        """Read one of ``GET /history``."""
        return cls(**_past(data))


@dataclass(frozen=True)
class SandboxHistory(PastSandbox):
    """A sandbox, living or ended, with what happened to it."""

    events: tuple[Event, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SandboxHistory:
        """Read the answer of ``GET /history/{id}``."""
        return cls(**_past(data), events=tuple(EventPage(data)))


def _past(data: Mapping[str, Any]) -> dict[str, Any]:
    fields = Fields(data, "history")
    texts = ("pool_name", "failure", "status_message", "stop_reason", "created_by", "created_at")
    ends = ("ready_at", "ended_by", "ended_at")
    return {
        "id": fields.required_text("id"),
        "name": fields.text("name"),
        "template_name": fields.text("template_name"),
        "status": fields.text("status", "ended"),
    } | {name: fields.optional_text(name) for name in texts + ends}


@dataclass(frozen=True)
class PoolClaim:
    """One create call for a pool's template: a hit took a warm sandbox, a miss has the ``reason`` why not."""

    at: str
    hit: bool
    ms: float | None = None
    """Milliseconds from the request to the sandbox that was ready; None where it never was."""
    reason: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PoolClaim:
        """Read a claim."""
        fields = Fields(data, "claim of a pool")
        return cls(
            at=fields.text("at"),
            hit=bool(fields.optional_flag("hit")),
            ms=None if data.get("ms") is None else fields.number("ms"),
            reason=fields.optional_text("reason"),
        )


@dataclass(frozen=True)
class Limit:
    """The most that a workspace may hold, None for no limit, and what it holds now."""

    limit: int | None
    held: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limit:
        """Read one of the limits."""
        fields = Fields(data, "limit")
        return cls(fields.optional_integer("limit"), fields.integer("held"))


@dataclass(frozen=True)
class Limits:
    """What a workspace may hold and holds, and the lifetimes of its sandboxes in seconds.

    ``max_ttl_seconds`` None is no bound; a default of 0 is no end.
    """

    sandboxes: Limit
    cpu_millis: Limit
    memory_bytes: Limit
    storage_bytes: Limit
    volumes: Limit
    pools: Limit
    max_ttl_seconds: int | None = None
    default_ttl_seconds: int = 0
    default_idle_ttl_seconds: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """Read the answer of ``GET /limits``."""
        fields = Fields(data, "limits")
        lifetimes = Fields(fields.mapping("lifetimes"), "lifetimes")
        counted = ("sandboxes", "cpu_millis", "memory_bytes", "storage_bytes", "volumes", "pools")
        return cls(
            **{name: Limit.from_dict(fields.mapping(name)) for name in counted},
            max_ttl_seconds=lifetimes.optional_integer("max_ttl_seconds"),
            default_ttl_seconds=lifetimes.integer("default_ttl_seconds"),
            default_idle_ttl_seconds=lifetimes.integer("default_idle_ttl_seconds"),
        )


@dataclass(frozen=True)
class UsageRow:
    """What one ``group`` used from ``start`` to ``end``: what was reserved, times seconds.

    ``cpu_seconds`` are reserved cores times seconds, and ``cpu_used_seconds`` what was measured.
    """

    start: str
    end: str
    group: str | None
    sandbox_seconds: float
    cpu_seconds: float
    cpu_used_seconds: float
    memory_byte_seconds: float
    storage_byte_seconds: float
    sandboxes_started: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> UsageRow:
        """Read one row of a report."""
        fields = Fields(data, "usage")
        return cls(
            fields.text("from"),
            fields.text("to"),
            fields.optional_text("group"),
            fields.number("sandbox_seconds"),
            fields.number("cpu_seconds"),
            fields.number("cpu_used_seconds"),
            fields.number("memory_byte_seconds"),
            fields.number("storage_byte_seconds"),
            fields.integer("sandboxes_started"),
        )


@dataclass(frozen=True)
class Usage:
    """What a workspace used from ``start`` to ``end``, by ``step`` and group, oldest first."""

    start: str
    end: str
    step: str
    by: str
    rows: tuple[UsageRow, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Usage:
        """Read the answer of ``GET /usage``."""
        fields = Fields(data, "usage")
        rows = tuple(UsageRow.from_dict(each) for each in fields.objects("usage"))
        return cls(fields.text("from"), fields.text("to"), fields.text("step"), fields.text("by"), rows)
