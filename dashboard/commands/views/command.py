"""The page of one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.frame import answer
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

FACTS = "commands/_facts.html"


@require("command.view")
async def command(request: HttpRequest, access: Access, name: str, command_id: str) -> HttpResponse:
    """What a command is, and its output as it comes."""
    found = await find_sandbox(access, name)
    context: dict[str, Any] = {"command_id": command_id}
    status = 200
    if not isinstance(found, Problem):
        record = await attempt(client_for(access.team, access.user).get_command(name, command_id))
        if isinstance(record, Problem):
            context["problem"], status = record, record.status
        else:
            context["command"] = record
    return await sandbox_page(
        request, access, found, "commands/command.html", tab="commands", context=context, status=status
    )


@require("command.view")
async def command_facts(request: HttpRequest, access: Access, name: str, command_id: str) -> HttpResponse:
    """What a command is, alone: asked for again when it has ended."""
    record = await attempt(client_for(access.team, access.user).get_command(name, command_id))
    context: dict[str, Any] = {"sandbox": {"name": name}, "command_id": command_id}
    context |= {"problem": record} if isinstance(record, Problem) else {"command": record}
    return await answer(request, access, FACTS, context, fragment=FACTS)
