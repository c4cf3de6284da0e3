"""Deleting a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import templates as actions
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

DEFAULTS = {"cpu": "500m", "memory": "512Mi"}


@require("template.delete")
async def template_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a template, after asking. The API refuses while sandboxes use it, and its words are shown."""
    if request.method == "POST":
        gone = await attempt(actions.delete_template(access=access, name=name))
        if isinstance(gone, Problem):
            messages.error(request, gone.message)
        else:
            messages.success(request, f"The template {name} was deleted.")
        return redirect("template_list", team=access.team.slug)
    context: dict[str, object] = {"section": "templates", "name": name}
    found = await attempt(client_for(access.team, access.user).get_template(name))
    context |= {"problem": found} if isinstance(found, Problem) else {"template": found}
    return await answer(
        request, access, "resources/template_delete.html", context, fragment="resources/_template_delete.html"
    )
