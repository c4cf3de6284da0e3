"""Making a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import templates as actions
from dashboard.resources.forms.templates import TemplateForm
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt
from dashboard.teams.server import server_state

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

DEFAULTS = {"cpu": "500m", "memory": "512Mi"}


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
