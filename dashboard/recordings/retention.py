"""What is deleted by itself: recordings that are too old, the oldest where all are too large, files of nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from dashboard.recordings.models import Recording, RecordingPolicy, State
from dashboard.recordings.store import folder, remove

if TYPE_CHECKING:
    from django.db.models import QuerySet

logger = logging.getLogger(__name__)
BATCH = 100
MOST_BATCHES = 50
ORPHAN_SECONDS = 3600.0
"""A file without a row that is younger may get one."""


async def keep_house() -> None:
    """Once. Raises ``OSError`` where a file cannot be deleted."""
    async for policy in RecordingPolicy.objects.all().aiterator(BATCH):
        before = timezone.now() - timedelta(days=policy.days)
        await _delete_all(_ended().filter(team_id=policy.team_id, ended_at__lt=before))
    await _make_room()
    await asyncio.to_thread(_remove_orphans, {each async for each in Recording.objects.values_list("id", flat=True)})


def _ended() -> QuerySet[Recording]:
    return Recording.objects.exclude(state=State.RECORDING).order_by("ended_at")


async def _delete_all(found: QuerySet[Recording]) -> None:
    for _ in range(MOST_BATCHES):
        batch = [each async for each in found.values_list("id", flat=True)[:BATCH]]
        if not batch:
            return
        await _delete(batch)


async def _delete(recording_ids: list[UUID]) -> None:
    """Files first: what is in the list can be played."""
    for recording_id in recording_ids:
        await asyncio.to_thread(remove, recording_id)
    await Recording.objects.filter(id__in=recording_ids).adelete()
    logger.info("deleted %d recordings", len(recording_ids))


async def _make_room() -> None:
    """Delete the oldest until all fit."""
    used = (await Recording.objects.aaggregate(all=Sum("size")))["all"] or 0
    too_many: list[UUID] = []
    async for recording_id, size in _ended().values_list("id", "size")[: BATCH * MOST_BATCHES]:
        if used <= settings.RECORDINGS_MAX_BYTES:
            break
        too_many.append(recording_id)
        used -= size
    for start in range(0, len(too_many), BATCH):
        await _delete(too_many[start : start + BATCH])


def _remove_orphans(known: set[UUID]) -> None:
    for path in folder().iterdir():
        try:
            mine = UUID(path.stem)
        except ValueError:
            continue  # nothing of ours
        if mine not in known and time.time() - path.stat().st_mtime > ORPHAN_SECONDS:
            path.unlink(missing_ok=True)
