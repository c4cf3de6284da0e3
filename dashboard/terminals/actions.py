"""Every write about terminals: one transaction and, where a person did it, one row in the activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from dashboard.audit.record import record
from dashboard.terminals.models import TerminalSession

if TYPE_CHECKING:
    from uuid import UUID

    from dashboard.teams.access import Access


@sync_to_async
def create_session(*, access: Access, sandbox_id: str, sandbox_name: str) -> TerminalSession:
    """Note a new shell. It starts when a page first opens it."""
    with transaction.atomic():
        session = TerminalSession.objects.create(
            team=access.team, sandbox_id=sandbox_id, sandbox_name=sandbox_name, created_by=access.user
        )
        record(
            actor=access.user,
            team=access.team,
            action="terminal.opened",
            target=sandbox_name,
            detail={"session": str(session.id)},
        )
    return session


async def mark_started(session_id: UUID, *, pid: int | None = None) -> None:
    """Note that the shell runs, as process ``pid`` of its sandbox. Safe to repeat: the first time stays."""
    await TerminalSession.objects.filter(id=session_id, started_at=None).aupdate(started_at=timezone.now(), pid=pid)


@sync_to_async
def mark_ended(session_id: UUID, *, exit_code: int | None) -> None:
    """Note that the shell ended. Several pages may see the same end: the first one writes it, and its activity row."""
    with transaction.atomic():
        running = TerminalSession.objects.filter(id=session_id, ended_at=None)
        if not running.update(ended_at=timezone.now(), exit_code=exit_code):
            return
        session = TerminalSession.objects.select_related("team").get(id=session_id)
        record(
            actor=None,
            team=session.team,
            action="terminal.ended",
            target=session.sandbox_name,
            detail={"session": str(session.id), "exit_code": exit_code},
        )
