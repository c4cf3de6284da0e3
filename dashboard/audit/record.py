"""The one way to write an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from dashboard.audit.models import Event
from dashboard.audit.registry import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.accounts.models import User
    from dashboard.teams.models import Team


def record(
    *,
    actor: User | None,
    team: Team | None,
    action: str,
    target: str,
    detail: Mapping[str, object] | None = None,
) -> Event:
    """Write that ``actor`` (None: the system) did ``action`` to ``target``. Call it in the action's transaction.

    Raises ``KeyError`` for an action that the registry cannot tell.
    """
    if action not in SENTENCES:
        raise KeyError(action)
    return Event.objects.create(
        team=team,
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        action=action,
        target=target[:200],
        detail=dict(detail or {}),
    )


arecord = sync_to_async(record)
"""``record`` for code on the event loop, in a transaction of its own."""
