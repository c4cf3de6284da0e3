"""Events and ended sandboxes, as the API's description tells them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sandboxcore.server.api.schemas import Body, ListOut


class SubjectOut(Body):
    """What an event is about, by the name that it had then."""

    kind: Annotated[str, Field(examples=["sandbox", "template", "volume", "pool", "key", "workspace"])]
    id: str
    name: str


class EventOut(Body):
    """One change of state."""

    number: Annotated[int, Field(description="Its place in the workspace's order, without gaps.")]
    at: str
    type: Annotated[str, Field(examples=["sandbox.ready"])]
    actor: Annotated[str, Field(description="A person, a key, or `system`.")]
    subject: SubjectOut
    data: dict[str, Any]


class EventPageOut(Body):
    """Some events, in order."""

    events: list[EventOut]
    next_after: Annotated[int | None, Field(description="`after` of the next page; null on the last one.")]


class EventsOut(EventPageOut):
    """Some events of a workspace, and which ones are kept."""

    oldest: int
    newest: int


class PastOut(Body):
    """A sandbox, living or ended."""

    id: str
    name: str
    template_name: str
    pool_name: str | None
    status: Annotated[str, Field(examples=["ended", "provisioning", "ready", "failed"])]
    failure: Annotated[str | None, Field(description="The kind of failure, for one that failed.")]
    status_message: str | None
    stop_reason: str | None
    created_by: str
    created_at: str
    ready_at: str | None
    ended_by: str | None
    ended_at: str | None


class HistoryOut(ListOut):
    """Sandboxes that have ended."""

    sandboxes: list[PastOut]


class PastBoxOut(PastOut, EventPageOut):
    """A sandbox with its timeline."""
