"""What happened to a sandbox, why it is alive, and when it will stop."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dashboard.resources.alive import why_alive
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.resources.timeline import GROUPS, lines_of
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.terminals.names import terminal_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse, QueryDict

    from dashboard.resources.timeline import Line
    from dashboard.teams.access import Access

PAGE = 100
ENTRIES = 500
"""Entries that are asked for at once; with a filter most of them may not be shown."""
ROUNDS = 5
MAX_POSITION = 1024
FRAGMENT = "resources/_sandbox_timeline.html"


@require("sandbox.view")
async def sandbox_timeline(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The timeline; ``?show=`` chooses kinds, ``?before=`` goes on."""
    client = client_for(access.team, access.user)
    found = await find_sandbox(access, name)
    context: dict[str, Any] = {}
    if not isinstance(found, Problem):
        running, story = await asyncio.gather(
            attempt(client.list_commands(name, status="running", limit=20)), read_story(access, name, request.GET)
        )
        commands = [] if isinstance(running, Problem) else running
        context = {"alive": why_alive(found, commands, datetime.now(UTC)), **story}
    return await sandbox_page(
        request, access, found, "resources/sandbox_timeline.html", tab="timeline", context=context, fragment=FRAGMENT
    )


async def read_story(access: Access, name: str, asked: QueryDict) -> dict[str, Any]:
    """What the template of a timeline needs, of a sandbox by name or by identifier."""
    groups = [key for key in GROUPS if key in asked.getlist("show")]
    before = asked.get("before", "")[:MAX_POSITION] or None
    found = await attempt(_read(access, name, groups, before))
    context: dict[str, Any] = {
        "groups": [(key, words, key in groups) for key, (words, _) in GROUPS.items()],
        "first": before is None,
        "address": f"?{urlencode([('show', key) for key in groups] + ([('before', before)] if before else []))}",
    }
    if isinstance(found, Problem):
        return context | {"problem": found}
    lines, following = found
    older = urlencode([*(("show", key) for key in groups), ("before", following)]) if following else ""
    return context | {"lines": lines, "older": f"?{older}" if older else ""}


async def _read(access: Access, name: str, groups: Sequence[str], before: str | None) -> tuple[list[Line], str | None]:
    """About a page of lines of the chosen groups, and the position to go on before; None at the end."""
    client = client_for(access.team, access.user)
    lines: list[Line] = []
    for _ in range(ROUNDS):
        part = await client.get_timeline(name, limit=ENTRIES if groups else PAGE, before=before)
        begun = [(each.id, str(each.summary.get("command"))) for each in part if each.kind.startswith("command.")]
        lines += lines_of(part, groups, await terminal_names(access.team, begun))
        before = part.next_before
        if before is None or len(lines) >= PAGE:
            break
    return lines, before
