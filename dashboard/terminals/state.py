"""What the terminal's page needs to know to begin: shells, layout, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from dashboard.terminals.layout import BadLayoutError, checked_layout
from dashboard.terminals.models import TerminalSession, Workspace

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox

MOST_SESSIONS = 64
MOST_NUMBERED = 5000


def running(access: Access, sandbox_id: str) -> QuerySet[TerminalSession]:
    """The sandbox's shells that have not ended; for who may only look, those that have been started."""
    found = TerminalSession.objects.filter(team=access.team, sandbox_id=sandbox_id, ended_at=None)
    return found if access.can("terminal.write") else found.exclude(started_at=None)


async def page_state(access: Access, sandbox: AsyncSandbox, active: TerminalSession | None) -> dict[str, Any]:
    """The page's data, as it is given to its script."""
    sandbox_id = sandbox.id or ""
    sessions = [each async for each in running(access, sandbox_id).select_related("created_by")[:MOST_SESSIONS]]
    if active is not None and active not in sessions:
        sessions.append(active)
    numbers = await _numbers(access, sandbox_id)
    places = {"team": access.team.slug, "name": sandbox.name}
    return {
        "sandbox": sandbox.name,
        "base": reverse("terminal", kwargs=places),
        "person": f"{access.user.pk}",
        "may_write": access.can("terminal.write"),
        "active": str(active.id) if active else None,
        "sessions": [describe(access, each, numbers.get(each.id, 0)) for each in reversed(sessions)],
        "layout": await stored_layout(access, sandbox_id),
        "idle_words": idle_words(sandbox),
    }


async def _numbers(access: Access, sandbox_id: str) -> dict[UUID, int]:
    """The sandbox's shells in the order in which they were made, those that have ended too: a number stays."""
    made = TerminalSession.objects.filter(team=access.team, sandbox_id=sandbox_id).order_by("created_at")
    ids = [each async for each in made.values_list("id", flat=True)[:MOST_NUMBERED]]
    return {each: number for number, each in enumerate(ids, 1)}


async def next_number(access: Access, sandbox_id: str) -> int:
    """The number of the shell that was made last."""
    return await TerminalSession.objects.filter(team=access.team, sandbox_id=sandbox_id).acount()


def describe(access: Access, session: TerminalSession, number: int) -> dict[str, Any]:
    """One shell, as the page's script knows it."""
    return {
        "id": str(session.id),
        "number": number,
        "title": session.title,
        "created_by": session.created_by.get_username() if session.created_by else "",
        "mine": session.created_by_id == access.user.pk,
        "ended": session.ended_at is not None,
    }


async def stored_layout(access: Access, sandbox_id: str) -> dict[str, Any]:
    """How the person left the sandbox's terminals; without tabs where nothing fits any more."""
    kept = await Workspace.objects.filter(user=access.user, team=access.team, sandbox_id=sandbox_id).afirst()
    try:
        return checked_layout(kept.layout if kept else {"tabs": []})
    except BadLayoutError:
        return {"tabs": []}


async def newest(access: Access, sandbox: AsyncSandbox) -> TerminalSession | None:
    """The shell to go on with: the first of the person's tabs, else their newest; who may only look sees anybody's."""
    found = running(access, sandbox.id or "")
    layout = await stored_layout(access, sandbox.id or "")
    tabs = [pane for tab in layout["tabs"] for pane in tab["panes"]]
    by_id = {str(each.id): each async for each in found.filter(id__in=tabs)}
    for pane in tabs:
        if pane in by_id:
            return by_id[pane]
    if tabs:
        return None  # the person closed all but what has ended
    return await (found.filter(created_by=access.user) if access.can("terminal.write") else found).afirst()


def idle_words(sandbox: AsyncSandbox) -> str:
    """For how long a shell that nobody looks at goes on."""
    seconds = sandbox.idle_ttl_seconds
    if not seconds:
        return "It goes on for as long as the sandbox does."
    if seconds < 120:
        return f"The sandbox stops {seconds} seconds after its last use, and the shell with it."
    return f"The sandbox stops {seconds // 60} minutes after its last use, and the shell with it."
