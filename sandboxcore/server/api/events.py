"""``/events`` and ``/history``: what happened, as it happens, and what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from sandboxcore.server.api.common import Reader, answer, errors, get_core
from sandboxcore.server.api.event_schemas import EventPageOut, EventsOut, HistoryOut, PastBoxOut
from sandboxcore.server.api.event_stream import EventStream
from sandboxcore.server.api.listing import asked_page, described
from sandboxcore.server.errors import InvalidError, NotFoundError
from sandboxcore.server.services import timeline
from sandboxcore.server.services.cursors import Selection
from sandboxcore.server.services.event_types import EVENT_TYPES
from sandboxcore.server.services.history import HISTORY, ended_view, find_past
from sandboxcore.server.services.listing import PageQuery, page
from sandboxcore.server.services.timeline import Chosen

if TYPE_CHECKING:
    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core
    from sandboxcore.server.services.timeline import Kept

router = APIRouter(tags=["events"])
MOST_EVENTS = 1000
NUMBERS = 2**63 - 1
_WORDS = EVENT_TYPES | {event_type.partition(".")[0] for event_type in EVENT_TYPES}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events, without an end"}
}
After = Annotated[int | None, Query(ge=0, le=NUMBERS, description="The number of the last event already seen.")]
Limit = Annotated[int, Query(ge=1, le=MOST_EVENTS, description="Most events of the answer.")]
Types = Annotated[
    list[str],
    Query(alias="type", max_length=50, description="Like `sandbox.ready`, or `sandbox` for all that is about one."),
]


@router.get("/events", response_model=EventsOut, responses=errors(422))
async def list_events(
    request: Request,
    caller: Reader,
    *,
    after: After = None,
    limit: Limit = 100,
    order: Annotated[Literal["asc", "desc"], Query(description="`desc` begins with the newest.")] = "asc",
    subject: Annotated[str | None, Query(max_length=200, description="Identifier, or the name it had.")] = None,
    types: Types = [],  # noqa: B006  # never changed
) -> Response:
    """What happened in the workspace, in the order in which it did."""
    for word in types:
        if word not in _WORDS:
            raise InvalidError(("query", "type"), f"there is no event type '{word[:80]}'")
    chosen = Chosen(after, order == "desc", subject, tuple(types))
    core = get_core(request)
    known = await _known(core, caller)
    events = await _events(core, caller, chosen, limit, known)
    return answer({**events, "oldest": known.oldest, "newest": known.newest})


@router.get("/events/stream", response_class=Response, responses={**errors(422, 429), **_STREAM})
async def stream_events(
    request: Request,
    caller: Reader,
    after: After = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """What happens in the workspace, as it does: each event exactly once, in order, from `Last-Event-ID` or `after` on.

    Without either it starts now. An event `reset` says that what was asked for is no longer kept, so that the client
    has to read everything anew; `farewell` says why the stream ends.
    """
    return EventStream(get_core(request), caller, _number(last_event_id) if last_event_id else after)


@router.get("/boxes/{name}/events", response_model=EventPageOut, responses=errors(404, 422))
async def list_box_events(
    request: Request, caller: Reader, name: str, after: After = None, limit: Limit = 100
) -> Response:
    """What happened to a sandbox; by its identifier also after its end."""
    core = get_core(request)
    found = await find_past(core.database, caller=caller, name=name)
    chosen = Chosen(after, subject=found["id"])
    return answer(await _events(core, caller, chosen, limit, await _known(core, caller)))


@router.get("/history", response_model=HistoryOut, responses=errors(422), openapi_extra=described(HISTORY))
async def list_history(request: Request, caller: Reader) -> Response:
    """Sandboxes that have ended, the latest first."""
    query = asked_page(request, HISTORY) or PageQuery(Selection(HISTORY.name, HISTORY.default_sort))
    part = await page(get_core(request).database, HISTORY, query, owner=caller.workspace_id)
    return answer({"sandboxes": [ended_view(row) for row in part.rows], **part.place()})


@router.get("/history/{sandbox_id}", response_model=PastBoxOut, responses=errors(404))
async def get_history(request: Request, caller: Reader, sandbox_id: str) -> Response:
    """A sandbox by identifier, living or ended, with what happened to it."""
    core = get_core(request)
    found = await find_past(core.database, caller=caller, name=sandbox_id)
    events = await _events(core, caller, Chosen(subject=found["id"]), MOST_EVENTS, await _known(core, caller))
    return answer({**found, **events})


async def _known(core: Core, caller: Caller) -> Kept:
    """Which events there are. Raises ``NotFoundError`` where the workspace has just gone."""
    known = await timeline.kept(core.database, caller.workspace_id)
    if known is None:
        raise NotFoundError("workspace", caller.workspace_id)
    return known


async def _events(core: Core, caller: Caller, chosen: Chosen, limit: int, known: Kept) -> dict[str, Any]:
    part = await timeline.read(core.database, caller.workspace_id, chosen, limit, known)
    return {"events": [timeline.event_view(row) for row in part.events], "next_after": part.next_after}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > NUMBERS:
        raise InvalidError(("header", "last-event-id"), "must be the number of an event")
    return int(text)
