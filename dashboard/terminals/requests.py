"""What the terminal's page asks while it is open; the answers are JSON, refusals ``{"error": words}``."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from django.http import Http404, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from dashboard.resources.page import find_sandbox
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt
from dashboard.terminals.actions import create_session, keep_layout, mark_ended, rename_session
from dashboard.terminals.layout import BadLayoutError, checked_layout
from dashboard.terminals.models import TerminalSession
from dashboard.terminals.protocol import MAX_OFFSET
from dashboard.terminals.running import descendants
from dashboard.terminals.state import MOST_SESSIONS, describe, next_number, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox

P = ParamSpec("P")
MOST_BODY = 64 * 1024
LONGEST_TITLE = 100
LONGEST_FOLDER = 1024
KILLED = 137


class RefusedError(Exception):
    """The request cannot be done; the message is for the person."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answers(
    view: Callable[Concatenate[HttpRequest, Access, P], Awaitable[dict[str, Any]]],
) -> Callable[Concatenate[HttpRequest, Access, P], Awaitable[HttpResponse]]:
    """Make a view of one that returns data or raises ``RefusedError``."""

    @wraps(view)
    async def answering(request: HttpRequest, access: Access, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return JsonResponse(await view(request, access, *args, **kwargs))
        except RefusedError as error:
            return JsonResponse({"error": str(error)}, status=error.status)

    return answering  # type: ignore[return-value]  # wraps keeps the parameters' names, which the type does not tell


async def sandbox_named(access: Access, name: str) -> AsyncSandbox:
    """Raises ``RefusedError`` with the server's words."""
    found = await find_sandbox(access, name)
    if isinstance(found, Problem):
        raise RefusedError(found.message, found.status)
    return found


async def session_of(access: Access, session_id: UUID) -> TerminalSession:
    """The team's shell. Raises ``Http404``."""
    session = await TerminalSession.objects.filter(team=access.team, id=session_id).afirst()
    if session is None:
        raise Http404
    return session


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that the page sent. Raises ``RefusedError``."""
    if len(request.body) > MOST_BODY:
        raise RefusedError("That is too long.", 413)
    try:
        data = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise RefusedError("The page sent no JSON.") from None
    if not isinstance(data, dict):
        raise RefusedError("The page sent no object.")
    return data


def text_of(data: dict[str, Any], key: str, longest: int) -> str:
    """A line of text. Raises ``RefusedError``."""
    value = data.get(key, "")
    if not isinstance(value, str) or len(value) > longest:
        raise RefusedError(f"{key} has at most {longest} characters.")
    if any(ord(each) < 32 or ord(each) == 127 for each in value):
        raise RefusedError(f"{key} has no control characters.")
    return value.strip()


@require_POST
@require("terminal.write")
@answers
async def terminal_new(request: HttpRequest, access: Access, name: str) -> dict[str, Any]:
    """Make a shell; the page's socket starts it."""
    folder = text_of(body_of(request), "folder", LONGEST_FOLDER)
    sandbox = await sandbox_named(access, name)
    already = await running(access, sandbox.id or "").acount()
    if already >= MOST_SESSIONS:
        raise RefusedError(f"{MOST_SESSIONS} shells run in this sandbox; end one of them first.", 409)
    session = await create_session(access=access, sandbox_id=sandbox.id or "", sandbox_name=sandbox.name, folder=folder)
    return describe(access, session, await next_number(access, sandbox.id or ""))


@require_POST
@require("terminal.view")
@answers
async def terminal_layout(request: HttpRequest, access: Access, name: str) -> dict[str, Any]:
    """Keep how the person has arranged the terminals."""
    try:
        layout = checked_layout(body_of(request))
    except BadLayoutError as error:
        raise RefusedError(str(error)) from None
    sandbox = await sandbox_named(access, name)
    await keep_layout(access=access, sandbox_id=sandbox.id or "", layout=layout)
    return {}


@require_POST
@require("terminal.write")
@answers
async def terminal_rename(request: HttpRequest, access: Access, name: str, session_id: UUID) -> dict[str, Any]:
    """Name a shell, for everybody."""
    del name
    session = await session_of(access, session_id)
    await rename_session(session, access=access, title=text_of(body_of(request), "title", LONGEST_TITLE))
    return {}


@require_GET
@require("terminal.view")
@answers
async def terminal_running(request: HttpRequest, access: Access, name: str, session_id: UUID) -> dict[str, Any]:
    """What an end of the shell would end with it; ``known`` is False where that cannot be told."""
    del request
    session = await session_of(access, session_id)
    listed = await attempt((await sandbox_named(access, name)).processes())
    if isinstance(listed, Problem) or session.pid is None:
        return {"known": False, "running": []}
    found = descendants(listed, session.pid)
    return {"known": True, "running": [{"pid": each.pid, "command": each.command[:200]} for each in found]}


@require_POST
@require("terminal.write")
@answers
async def terminal_end(request: HttpRequest, access: Access, name: str, session_id: UUID) -> dict[str, Any]:
    """End a shell and all that runs in it."""
    del request
    session = await session_of(access, session_id)
    sandbox = await sandbox_named(access, name)
    if session.started_at is not None and sandbox.id == session.sandbox_id:
        done = await attempt(_kill(sandbox, str(session.id)))
        if isinstance(done, Problem):
            raise RefusedError(done.message, done.status)
    await mark_ended(session.id, exit_code=KILLED, actor=access.user)
    return {}


async def _kill(sandbox: AsyncSandbox, command_id: str) -> None:
    async with await sandbox.reconnect(command_id, stdout_offset=MAX_OFFSET, collect=False) as handle:
        await handle.kill()
