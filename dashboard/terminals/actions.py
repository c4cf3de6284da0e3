"""Every write about terminals: one transaction and, where a person did it, one row in the activity."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from dashboard.audit.record import record
from dashboard.terminals.models import ShareLink, TerminalSession, Workspace, hash_token

if TYPE_CHECKING:
    from uuid import UUID

    from dashboard.accounts.models import User
    from dashboard.teams.access import Access

MOST_LAYOUTS = 200
"""Sandboxes for which a person's arrangement is kept, those used last."""
MOST_LINKS = 20
"""Links to one shell that work at the same time."""


class TooManyLinksError(Exception):
    """A shell has as many links as it may have."""


@sync_to_async
def create_session(*, access: Access, sandbox_id: str, sandbox_name: str, folder: str = "") -> TerminalSession:
    """Note a new shell, which is to begin in ``folder``. It starts when a page first opens it."""
    with transaction.atomic():
        session = TerminalSession.objects.create(
            team=access.team,
            sandbox_id=sandbox_id,
            sandbox_name=sandbox_name,
            created_by=access.user,
            folder=folder,
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
def mark_ended(session_id: UUID, *, exit_code: int | None, actor: User | None = None) -> None:
    """Note that the shell ended, by ``actor`` or by itself.

    Several pages may see the same end: the first one writes it, and its activity row.
    """
    with transaction.atomic():
        running = TerminalSession.objects.filter(id=session_id, ended_at=None)
        if not running.update(ended_at=timezone.now(), exit_code=exit_code):
            return
        session = TerminalSession.objects.select_related("team").get(id=session_id)
        record(
            actor=actor,
            team=session.team,
            action="terminal.ended",
            target=session.sandbox_name,
            detail={"session": str(session.id), "exit_code": exit_code},
        )


@sync_to_async
def rename_session(session: TerminalSession, *, access: Access, title: str) -> None:
    """Give a shell a name of the team's, or with an empty one none."""
    with transaction.atomic():
        before, session.title = session.title, title
        session.save(update_fields=["title"])
        record(
            actor=access.user,
            team=access.team,
            action="terminal.renamed",
            target=session.sandbox_name,
            detail={"session": str(session.id), "from": before, "to": title},
        )


async def keep_layout(*, access: Access, sandbox_id: str, layout: dict[str, Any]) -> None:
    """Keep how a person has arranged a sandbox's terminals. No activity: it concerns nobody else."""
    await Workspace.objects.aupdate_or_create(
        user=access.user, team=access.team, sandbox_id=sandbox_id, defaults={"layout": layout}
    )
    mine = Workspace.objects.filter(user=access.user).order_by("-updated_at")
    old = [pk async for pk in mine.values_list("pk", flat=True)[MOST_LAYOUTS : MOST_LAYOUTS + 100]]
    if old:
        await Workspace.objects.filter(pk__in=old).adelete()


@sync_to_async
def create_link(session: TerminalSession, *, access: Access, seconds: int) -> tuple[ShareLink, str]:
    """Make a link that lets anybody look at the shell for so long; returns it with its token, which is not kept.

    Raises ``TooManyLinksError``.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        if ShareLink.objects.good().filter(session=session).count() >= MOST_LINKS:
            raise TooManyLinksError
        link = ShareLink.objects.create(
            session=session,
            token_hash=hash_token(token),
            created_by=access.user,
            expires_at=timezone.now() + timedelta(seconds=seconds),
        )
        record(
            actor=access.user,
            team=access.team,
            action="terminal.shared",
            target=session.sandbox_name,
            detail={"session": str(session.id), "link": link.pk, "seconds": seconds},
        )
    return link, token


@sync_to_async
def revoke_link(session: TerminalSession, link_id: int, *, access: Access) -> bool:
    """Withdraw a link; whether there was one that worked."""
    with transaction.atomic():
        if not ShareLink.objects.good().filter(session=session, pk=link_id).update(revoked_at=timezone.now()):
            return False
        record(
            actor=access.user,
            team=access.team,
            action="terminal.unshared",
            target=session.sandbox_name,
            detail={"session": str(session.id), "link": link_id},
        )
    return True


@sync_to_async
def mark_opened(link: ShareLink) -> None:
    """Note that somebody has opened a link; the first time is an activity."""
    with transaction.atomic():
        if not ShareLink.objects.filter(pk=link.pk, opened_at=None).update(opened_at=timezone.now()):
            return
        record(
            actor=None,
            team=link.session.team,
            action="terminal.link_opened",
            target=link.session.sandbox_name,
            detail={"session": str(link.session.id), "link": link.pk},
        )
