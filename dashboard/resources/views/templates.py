"""Templates: the list, making one, deleting one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources import actions
from dashboard.resources.forms import TemplateForm
from dashboard.resources.listing import addressable
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.teams.server import server_state

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


@require("template.create")
async def template_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a template."""
    server = await server_state(access.team, access.user)
    images = server.capabilities.images if server.capabilities else ()
    form = TemplateForm(request.POST or None, initial=DEFAULTS | {"image": next(iter(images), "")})
    if request.method == "POST" and form.is_valid():
        made = await attempt(actions.create_template(access=access, **form.cleaned_data))
        if not isinstance(made, Problem):
            messages.success(request, f"The template {made.name} was made.")
            return redirect("template_list", team=access.team.slug)
        form.show(made)
    context = {"section": "templates", "form": form, "images": images}
    status = 422 if form.errors else 200
    return await answer(request, access, "resources/template_new.html", context, status=status)


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
