"""The list of sandboxes that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.html import format_html

from dashboard.lists import cells
from dashboard.lists.spec import Column, Empty, Filter, ListSpec, Rows, fixed
from dashboard.resources.ended import STOP_REASONS, why_ended
from dashboard.resources.lists import choices
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access
    from sandboxcore import PastSandbox

VIEWS = (("Now", "sandbox_list"), ("Ended", "sandbox_history"))


async def _fetch(access: Access, query: Query) -> Rows[PastSandbox]:
    client = client_for(access.team, access.user)
    found = await client.list_history(limit=query.size, offset=query.offset, **_asked(query))
    return Rows(found, found.total)


def _walk(access: Access, query: Query) -> AsyncIterator[PastSandbox]:
    return client_for(access.team, access.user).iter_history(page_size=500, **_asked(query))


def _asked(query: Query) -> dict[str, Any]:
    named = {name: query.values(name) for name in ("template", "pool", "stop_reason", "created_by", "ended_by")}
    return {"sort": query.sort, "q": query.q or None, **named}


def _href(access: Access, past: PastSandbox) -> str:
    return reverse("sandbox_past", kwargs={"team": access.team.slug, "sandbox_id": past.id})


def _why(reason: str | None, past: PastSandbox, access: Access) -> str:
    """Why it ended, and what the server says of it."""
    said = cells.note(cells.text(past.status_message)) if past.status_message else ""
    return format_html("{}{}", why_ended(past), said)


HISTORY: ListSpec[PastSandbox] = ListSpec(
    name="sandbox_history",
    section="sandboxes",
    permission="sandbox.view",
    title="Ended sandboxes",
    noun=("sandbox", "sandboxes"),
    sort="-ended_at",
    search="Name, template",
    live="sandbox",
    views=VIEWS,
    columns=(
        Column("name", "Name", lambda past: past.name, sort="name", main=True),
        Column("stop_reason", "Ended because", lambda past: past.stop_reason, _why),
        Column("ended_by", "Ended by", lambda past: past.ended_by),
        Column("template", "Template", lambda past: past.template_name),
        Column("created_by", "Created by", lambda past: past.created_by),
        Column("created_at", "Created", lambda past: past.created_at, cells.moment, sort="created_at", descending=True),
        Column("ended_at", "Ended", lambda past: past.ended_at, cells.moment, sort="ended_at", descending=True),
        Column("id", "Identifier", lambda past: past.id, shown=False),
        Column("pool", "Pool", lambda past: past.pool_name, shown=False),
    ),
    filters=(
        Filter("stop_reason", "Reason", fixed(*STOP_REASONS.items())),
        Filter("template", "Template", choices.templates),
        Filter("created_by", "Created by", choices.people),
        Filter("ended_by", "Ended by", choices.people),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda past: past.id,
    label=lambda past: past.name,
    href=_href,
    empty=Empty(
        "history",
        "No sandbox has ended yet",
        "Each that ends is kept here for a while: why it ended, when, by whom, and what happened in it.",
    ),
)
