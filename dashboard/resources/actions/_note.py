"""The row in the activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.audit.record import arecord

if TYPE_CHECKING:
    from dashboard.teams.access import Access


async def note(access: Access, action: str, target: str, **detail: object) -> None:
    """Write that the person did ``action`` to ``target``."""
    await arecord(actor=access.user, team=access.team, action=action, target=target, detail=detail)
