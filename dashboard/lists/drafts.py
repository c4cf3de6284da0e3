"""Fixing what a bulk action will be done to, before its person is asked whether."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from dashboard.lists import cells
from dashboard.lists.models import BulkItem, BulkRun, State
from dashboard.lists.walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.lists.query import Query
    from dashboard.lists.spec import BulkAction, ListSpec
    from dashboard.teams.access import Access

MOST = 10_000
"""Rows of one run."""
KEPT = timedelta(days=30)
DRAFTS_KEPT = timedelta(hours=1)
DRAFTS_OF_ONE = 20
"""Questions that wait for one person's yes in a team; a further one takes the place of the oldest."""
MAX_TEXT = 200

Chosen = tuple[str, str]
"""A row's key and its name."""


class BadSelectionError(ValueError):
    """Nothing can be done with what was selected; the message is for the person."""


def read_selection(text: str) -> list[Chosen]:
    """The rows that a page sends: JSON, pairs of key and name. Raises ``BadSelectionError``."""
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        raise BadSelectionError("The selection could not be read: select the rows again.")
    chosen = {key: (key, cells.visible(label)[:MAX_TEXT]) for key, label in pairs}
    return _bounded(list(chosen.values()))


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(part, str) and _is_text(part) for part in pair)
        and 0 < len(pair[0]) <= MAX_TEXT
    )


def _is_text(part: str) -> bool:
    """Whether a database takes it: JSON can say halves of characters, which are none."""
    return "\0" not in part and not any("\ud800" <= letter <= "\udfff" for letter in part)


async def select_all(spec: ListSpec[Any], access: Access, query: Query) -> list[Chosen]:
    """Every row that the query lets through. Raises ``BadSelectionError`` and ``SandboxClientError``."""
    chosen: list[Chosen] = []
    async for row in walk(spec, access, query):
        chosen.append((spec.key(row)[:MAX_TEXT], cells.visible(spec.label(row))[:MAX_TEXT]))
        if len(chosen) > MOST:
            break
    return _bounded(chosen)


def _bounded(chosen: list[Chosen]) -> list[Chosen]:
    if not chosen:
        raise BadSelectionError("Nothing is selected.")
    if len(chosen) > MOST:
        raise BadSelectionError(f"More than {MOST:,} rows are selected: narrow the list with its filters.")
    return chosen


@sync_to_async
def save_draft(access: Access, spec: ListSpec[Any], action: BulkAction[Any], chosen: Sequence[Chosen]) -> BulkRun:
    """A run that waits for its person's yes. Old runs are forgotten."""
    now = timezone.now()
    with transaction.atomic():
        own = BulkRun.objects.filter(team=access.team)
        own.filter(created_at__lt=now - KEPT).delete()
        own.filter(state=State.DRAFT, created_at__lt=now - DRAFTS_KEPT).delete()
        run = BulkRun.objects.create(
            team=access.team, person=access.user, list_name=spec.name, action=action.name, total=len(chosen)
        )
        rows = (BulkItem(run=run, key=key, label=label) for key, label in chosen)
        while batch := list(islice(rows, 500)):
            BulkItem.objects.bulk_create(batch)
        waiting = own.filter(state=State.DRAFT, person=access.user)
        newest = waiting.order_by("-created_at").values_list("pk", flat=True)[:DRAFTS_OF_ONE]
        waiting.exclude(pk__in=list(newest)).delete()
    return run
