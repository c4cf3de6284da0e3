"""The terminal tab of one sandbox's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csp.constants import NONCE
from django.http import Http404
from django.shortcuts import redirect
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.problems import Problem
from dashboard.terminals.actions import create_session
from dashboard.terminals.models import TerminalSession

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


@ensure_csrf_cookie
@require("terminal.view")
async def terminal(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The tab without a shell chosen: on to the newest one that runs, or a page that starts one."""
    found = await find_sandbox(access, name)
    if not isinstance(found, Problem):
        session = await _newest(access, found)
        if session is not None:
            return redirect("terminal_session", team=access.team.slug, name=name, session_id=session.id)
    return await _page(request, access, found, None)


@require_POST
@require("terminal.write")
async def terminal_new(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Make a shell, and on to its page."""
    found = await find_sandbox(access, name)
    if isinstance(found, Problem):
        return await _page(request, access, found, None)
    session = await create_session(access=access, sandbox_id=found.id or "", sandbox_name=found.name)
    return redirect("terminal_session", team=access.team.slug, name=name, session_id=session.id)


@ensure_csrf_cookie
@require("terminal.view")
async def terminal_session(request: HttpRequest, access: Access, name: str, session_id: UUID) -> HttpResponse:
    """One shell. Raises ``Http404`` for one of another team, or of another sandbox."""
    session = await TerminalSession.objects.filter(team=access.team, id=session_id).afirst()
    if session is None:
        raise Http404
    found = await find_sandbox(access, name)
    if not isinstance(found, Problem) and found.id != session.sandbox_id:
        raise Http404
    return await _page(request, access, found, session)


async def _newest(access: Access, sandbox: AsyncSandbox) -> TerminalSession | None:
    """The shell to go on with: one's own, or for who may only look anybody's that has been started."""
    running = TerminalSession.objects.filter(team=access.team, sandbox_id=sandbox.id, ended_at=None)
    if access.can("terminal.write"):
        return await running.filter(created_by=access.user).afirst()
    return await running.exclude(started_at=None).afirst()


async def _page(
    request: HttpRequest, access: Access, found: AsyncSandbox | Problem, session: TerminalSession | None
) -> HttpResponse:
    context = {"session": session}
    response = await sandbox_page(request, access, found, "terminals/terminal.html", tab="terminal", context=context)
    # xterm.js makes style elements and gives them this response's nonce. django-csp's decorators would set the
    # attribute on an async view's coroutine.
    response._csp_update = {"style-src": [NONCE]}  # type: ignore[attr-defined]
    return response
