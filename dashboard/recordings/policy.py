"""Whether a team records, for pages that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.recordings.models import RecordingPolicy

if TYPE_CHECKING:
    from dashboard.teams.models import Team


async def policy_of(team: Team) -> RecordingPolicy:
    """The team's choice; off where it never made one."""
    return await RecordingPolicy.objects.filter(team=team).afirst() or RecordingPolicy(team=team)
