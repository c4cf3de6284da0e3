"""The terminal tab of one sandbox's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csp.constants import NONCE
from django.http import Http404
from django.shortcuts import redirect
from django.views.decorators.csrf import ensure_csrf_cookie

from dashboard.recordings.policy import policy_of
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.problems import Problem
from dashboard.terminals.models import TerminalSession
from dashboard.terminals.state import newest, page_state

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


@ensure_csrf_cookie
@require("terminal.view")
async def terminal(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The tab without a shell chosen: on to the one to go on with, or a page that starts one."""
    found = await find_sandbox(access, name)
    if not isinstance(found, Problem):
        session = await newest(access, found)
        if session is not None:
            return redirect("terminal_session", team=access.team.slug, name=name, session_id=session.id)
    return await _page(request, access, found, None)


@ensure_csrf_cookie
@require("terminal.view")
async def terminal_session(request: HttpRequest, access: Access, name: str, session_id: UUID) -> HttpResponse:
    """One shell. Raises ``Http404`` for one of another team, or of another sandbox."""
    session = await (
        TerminalSession.objects.select_related("created_by").filter(team=access.team, id=session_id).afirst()
    )
    if session is None:
        raise Http404
    found = await find_sandbox(access, name)
    if not isinstance(found, Problem) and found.id != session.sandbox_id:
        raise Http404
    return await _page(request, access, found, session)


async def _page(
    request: HttpRequest, access: Access, found: AsyncSandbox | Problem, session: TerminalSession | None
) -> HttpResponse:
    terminals = {} if isinstance(found, Problem) else await page_state(access, found, session)
    context = {"terminals": terminals, "session": session, "recording_policy": await policy_of(access.team)}
    response = await sandbox_page(request, access, found, "terminals/terminal.html", tab="terminal", context=context)
    return with_styles(response)


def with_styles(response: HttpResponse) -> HttpResponse:
    """Let xterm.js make style elements: it gives them this response's nonce.

    django-csp's decorators would set the attribute on an async view's coroutine.
    """
    response._csp_update = {"style-src": [NONCE]}  # type: ignore[attr-defined]
    return response
