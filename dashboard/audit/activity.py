"""The list of what was done in a team."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from dashboard.audit.models import Event
from dashboard.audit.registry import SENTENCES
from dashboard.lists import cells
from dashboard.lists.source import rows_of
from dashboard.lists.spec import Choice, Column, Empty, Filter, ListSpec, Rows, fixed
from dashboard.teams.models import Membership
from dashboard.templatetags.console import sentence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from django.db.models import QuerySet

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access

SYSTEM = "(system)"
"""In the address, whoever is no person."""
MAX_PEOPLE = 200
SINCE = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
KINDS = sorted({action.partition(".")[0] for action in SENTENCES})


def _found(access: Access, query: Query) -> QuerySet[Event]:
    found = Event.objects.filter(team=access.team)
    if people := query.values("person"):
        found = found.filter(actor_name__in=["" if name == SYSTEM else name for name in people])
    if kinds := query.values("kind"):
        anyone = Q()
        for kind in kinds:
            anyone |= Q(action__startswith=f"{kind}.")
        found = found.filter(anyone)
    for since in query.values("since") or ():
        if since in SINCE:
            found = found.filter(at__gte=timezone.now() - SINCE[since])
    if query.q:
        found = found.filter(Q(target__icontains=query.q) | Q(actor_name__icontains=query.q))
    return found.order_by("id" if query.sort == "at" else "-id")


async def _fetch(access: Access, query: Query) -> Rows[Event]:
    return await rows_of(_found(access, query), query)


def _walk(access: Access, query: Query) -> AsyncIterator[Event]:
    return _found(access, query).aiterator(500)


async def _people(access: Access) -> Sequence[Choice]:
    names = Membership.objects.filter(team=access.team).values_list("user__username", flat=True)[:MAX_PEOPLE]
    return [*[Choice(name, name) async for name in names], Choice(SYSTEM, "system")]


def _what(action: str, event: Event, access: Access) -> str:
    """The event as a sentence about its target, and what more is known."""
    detail = format_html_join(
        " ",
        '<span class="text-secondary small">{}: {}</span>',
        ((cells.visible(name), cells.visible(value)) for name, value in event.detail.items()),
    )
    return format_html('{} <strong dir="auto">{}</strong> {}', sentence(action), cells.visible(event.target), detail)


def _details(event: Event) -> str:
    return json.dumps(event.detail, ensure_ascii=False) if event.detail else ""


def _kind(action: str, event: Event, access: Access) -> str:
    return format_html('<code class="action-name">{}</code>', action)


ACTIVITY: ListSpec[Event] = ListSpec(
    name="activity",
    section="activity",
    permission="activity.view",
    title="Activity",
    noun=("entry", "entries"),
    sort="-at",
    search="Person, target",
    live="audit",
    # Rows that another process of the console wrote are told to nobody here.
    every=15_000,
    columns=(
        Column("what", "What", lambda event: event.action, _what, main=True, classes="activity-what"),
        Column("who", "Who", lambda event: event.actor_name or "system"),
        Column("kind", "Kind", lambda event: event.action, _kind),
        Column("at", "When", lambda event: event.at, cells.moment, sort="at", descending=True),
        Column("target", "Target", lambda event: event.target, shown=False),
        Column("detail", "Detail", _details, shown=False),
    ),
    filters=(
        Filter("person", "Person", _people),
        Filter("kind", "Kind", fixed(*KINDS)),
        Filter(
            "since",
            "Time",
            fixed(("hour", "last hour"), ("day", "last day"), ("week", "last 7 days"), ("month", "last 30 days")),
            many=False,
        ),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda event: str(event.pk),
    label=lambda event: event.target,
    empty=Empty(
        "activity",
        "Nothing has happened yet",
        "Everything that people change in this team appears here, with who did it and when.",
    ),
)
