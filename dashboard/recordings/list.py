"""The list of recordings. Its search looks into names, and into what the recordings say."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html

from dashboard.lists import cells
from dashboard.lists.source import rows_of
from dashboard.lists.spec import Choice, Column, Empty, Filter, Link, ListSpec, Rows, fixed
from dashboard.recordings.models import Recording, State
from dashboard.recordings.store import search
from dashboard.teams.models import Membership

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from django.db.models import QuerySet
    from django.utils.safestring import SafeString

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access

SEARCHED = 1000
"""Recordings whose text is looked into, the newest."""
SEARCHED_BYTES = 256 * 1024 * 1024
SEARCH_SECONDS = 5.0
MAX_PEOPLE = 200
COLOURS = {State.RECORDING: ("Recording", "red"), State.ENDED: ("Ended", "secondary"), State.CUT: ("Cut", "orange")}
_searching = asyncio.Semaphore(2)


def _matching(found: list[Recording], words: str) -> list[Recording]:
    """Those whose text has the words, as far as the bounds reach. Blocks."""
    until, left = time.monotonic() + SEARCH_SECONDS, SEARCHED_BYTES
    matching = []
    for recording in found:
        left -= recording.size
        if left < 0 or time.monotonic() > until:
            break
        if search(recording, words, 1):
            matching.append(recording)
    return matching


def _narrowed(access: Access, query: Query) -> QuerySet[Recording]:
    found = Recording.objects.filter(team=access.team)
    if states := query.values("state"):
        found = found.filter(state__in=states)
    if people := query.values("person"):
        found = found.filter(person_name__in=people)
    order = {"size": "size", "seconds": "seconds", "sandbox": "sandbox_name"}.get(query.sort.lstrip("-"), "started_at")
    return found.order_by(("-" if query.sort.startswith("-") else "") + order, "id")


async def _found(access: Access, query: Query) -> QuerySet[Recording]:
    found = _narrowed(access, query)
    if not query.q:
        return found
    newest = [each async for each in found.order_by("-started_at")[:SEARCHED]]
    async with _searching:
        matching = await asyncio.to_thread(_matching, newest, query.q)
    return found.filter(
        Q(sandbox_name__icontains=query.q)
        | Q(person_name__icontains=query.q)
        | Q(id__in=[each.id for each in matching])
    )


async def _fetch(access: Access, query: Query) -> Rows[Recording]:
    return await rows_of(await _found(access, query), query)


async def _walk(access: Access, query: Query) -> AsyncIterator[Recording]:
    async for each in (await _found(access, query)).aiterator(500):
        yield each


async def _people(access: Access) -> Sequence[Choice]:
    names = Membership.objects.filter(team=access.team).values_list("user__username", flat=True)[:MAX_PEOPLE]
    return [Choice(name, name) async for name in names]


def _state(value: str, recording: Recording, access: Access) -> SafeString:
    words, colour = COLOURS[State(value)]
    return cells.badge(words, colour, moving=value == State.RECORDING)


def length(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _length(value: float, recording: Recording, access: Access) -> str:
    return format_html('<span class="text-nowrap">{}</span>', length(value))


def _size(value: int, recording: Recording, access: Access) -> str:
    return format_html('<span class="text-nowrap">{}</span>', cells.size(value))


def _href(access: Access, recording: Recording) -> str:
    return reverse("recording", kwargs={"team": access.team.slug, "recording_id": recording.id})


def _actions(access: Access, recording: Recording) -> Sequence[Link]:
    if recording.state == State.RECORDING or not access.can("recording.delete"):
        return ()
    address = reverse("recording_delete", kwargs={"team": access.team.slug, "recording_id": recording.id})
    return [Link("Delete", "trash", address, dialog=True)]


RECORDINGS: ListSpec[Recording] = ListSpec(
    name="recording_list",
    section="recordings",
    permission="recording.view",
    title="Recordings",
    noun=("recording", "recordings"),
    sort="-started_at",
    search="Sandbox, person, what was shown",
    live="audit",
    every=10_000,
    columns=(
        Column("sandbox", "Terminal in", lambda each: each.sandbox_name, sort="sandbox", main=True),
        Column("state", "State", lambda each: each.state, _state),
        Column("person", "Opened by", lambda each: each.person_name),
        Column("started_at", "Begun", lambda each: each.started_at, cells.moment, sort="started_at", descending=True),
        Column("seconds", "Length", lambda each: each.seconds, _length, sort="seconds", descending=True, end=True),
        Column("size", "Size", lambda each: each.size, _size, sort="size", descending=True, end=True),
        Column("ended_at", "Ended", lambda each: each.ended_at, shown=False),
        Column("id", "Identifier", lambda each: str(each.id), shown=False),
    ),
    filters=(
        Filter("state", "State", fixed("recording", "ended", "cut")),
        Filter("person", "Opened by", _people),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda each: str(each.id),
    label=lambda each: each.sandbox_name,
    href=_href,
    actions=_actions,
    empty=Empty(
        "player-play",
        "Nothing has been recorded yet",
        "Owners and admins turn recording on on the team's page. Then what terminals show is kept here, to be played, "
        "searched and downloaded; what is typed is not.",
    ),
)
