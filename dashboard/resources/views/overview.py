"""The team's first page."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from dashboard.audit.models import Event
from dashboard.frame import answer
from dashboard.resources.listing import STATES, chosen
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

RECENT = 8


@require("team.view")
async def overview(request: HttpRequest, access: Access) -> HttpResponse:
    """Sandboxes by state, templates, what needs attention, and how to sign an SDK in."""
    client = client_for(access.team, access.user)
    sandboxes, templates = await asyncio.gather(attempt(client.list_sandboxes()), attempt(client.list_templates()))
    context: dict[str, object] = {
        "section": "overview",
        "events": [event async for event in Event.objects.filter(team=access.team)[:RECENT]],
    }
    if isinstance(sandboxes, Problem):
        context["problem"] = sandboxes
    elif isinstance(templates, Problem):
        context["problem"] = templates
    else:
        counts = Counter(sandbox.status for sandbox in sandboxes)
        context |= {
            "states": [(state, counts[state]) for state in STATES],
            "total": len(sandboxes),
            "templates": len(templates),
            "failed": chosen(sandboxes, state="failed", query="")[:RECENT],
        }
    return await answer(request, access, "resources/overview.html", context)
