"""What is known of a sandbox by its identifier, above all after its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.ended import by_id, why_ended
from dashboard.resources.past_charts import charts_until_the_end
from dashboard.resources.views.sandbox_timeline import read_story
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.terminals.names import terminal_names

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

COMMANDS = 20
"""The latest ones are shown."""


@require("sandbox.view")
async def sandbox_past(request: HttpRequest, access: Access, sandbox_id: str) -> HttpResponse:
    """The history of a sandbox that has ended; one that lives has its own page."""
    past = await by_id(access, sandbox_id)
    context: dict[str, object] = {"section": "sandboxes"}
    if isinstance(past, Problem):
        context["problem"] = past
        return await answer(request, access, "resources/problem.html", context, status=past.status)
    if past.status != "ended":
        return redirect("sandbox", team=access.team.slug, name=past.name)
    story, commands = await asyncio.gather(
        read_story(access, past.id, request.GET),
        attempt(client_for(access.team, access.user).list_commands(past.id, limit=COMMANDS)),
    )
    context |= {"past": past, "why": why_ended(past), **story, **charts_until_the_end(request, past)}
    if not isinstance(commands, Problem):
        terminals = await terminal_names(access.team, [(each.id, each.command) for each in commands])
        rows = [(each, terminals.get(each.id, "")) for each in commands]
        context |= {"commands": rows, "commands_total": commands.total}
    return await answer(request, access, "resources/sandbox_past.html", context)
