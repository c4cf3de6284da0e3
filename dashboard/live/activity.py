"""Rows of activity, told to the pages that follow their team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from dashboard.live.hub import HUB

if TYPE_CHECKING:
    from dashboard.audit.models import Event


def tell_of(event: Event) -> None:
    """Tell of a row once it is committed. Rows of other processes are found by asking now and then."""
    team, message = event.team_id, {"type": "event", "kind": "audit", "id": str(event.pk), "name": event.target}
    if team is not None:
        transaction.on_commit(lambda: HUB.tell_from_thread(team, message | {"event": event.action}))
