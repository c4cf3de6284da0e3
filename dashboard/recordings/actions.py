"""Every write that a person does about recordings: one transaction, one row in the activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from dashboard.audit.record import record
from dashboard.recordings.models import Recording, RecordingPolicy, State
from dashboard.recordings.store import remove

if TYPE_CHECKING:
    from dashboard.teams.access import Access


class StillRecordingError(Exception):
    """The recording goes on."""


@sync_to_async
def change_policy(*, access: Access, enabled: bool, days: int, max_mb: int) -> RecordingPolicy:
    """Turn recording on or off, and say how much is kept."""
    with transaction.atomic():
        policy, _ = RecordingPolicy.objects.select_for_update().get_or_create(team=access.team)
        if enabled and not policy.enabled:
            policy.since = timezone.now()
        policy.enabled, policy.days, policy.max_mb = enabled, days, max_mb
        policy.save()
        record(
            actor=access.user,
            team=access.team,
            action="team.recording_changed",
            target=access.team.name,
            detail={"recording": "on" if enabled else "off", "days": days, "max_mb": max_mb},
        )
    return policy


@sync_to_async
def delete_recording(*, access: Access, recording: Recording) -> None:
    """Delete a recording that has ended. Raises ``StillRecordingError``, and ``OSError`` for its files."""
    with transaction.atomic():
        deleted, _ = Recording.objects.filter(id=recording.id).exclude(state=State.RECORDING).delete()
        if not deleted:
            raise StillRecordingError
        record(
            actor=access.user,
            team=access.team,
            action="recording.deleted",
            target=recording.sandbox_name,
            detail={"session": str(recording.session_id or ""), "of": recording.person_name},
        )
        remove(recording.id)
