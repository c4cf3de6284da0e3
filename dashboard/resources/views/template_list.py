"""The list of templates."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from dashboard.frame import answer
from dashboard.resources.listing import addressable
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

DEFAULTS = {"cpu": "500m", "memory": "512Mi"}


@require("template.view")
async def template_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Every template of the workspace, with how many sandboxes use it."""
    client = client_for(access.team, access.user)
    templates, sandboxes = await asyncio.gather(attempt(client.list_templates()), attempt(client.list_sandboxes()))
    context: dict[str, object] = {"section": "templates"}
    if isinstance(templates, Problem):
        context["problem"] = templates
    elif isinstance(sandboxes, Problem):
        context["problem"] = sandboxes
    else:
        used = Counter(sandbox.template_name for sandbox in sandboxes)
        ordered = sorted(addressable(templates), key=lambda template: template.name)
        context["rows"] = [(template, used[template.name]) for template in ordered]
    return await answer(request, access, "resources/template_list.html", context)
