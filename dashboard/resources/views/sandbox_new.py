"""Making a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.forms.sandboxes import SandboxForm
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("sandbox.create")
async def sandbox_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a sandbox."""
    templates = await attempt(client_for(access.team, access.user).list_templates())
    context: dict[str, object] = {"section": "sandboxes"}
    if isinstance(templates, Problem):
        return await answer(request, access, "resources/problem.html", context | {"problem": templates})
    names = sorted(template.name for template in templates)
    initial = {"template": request.GET.get("template", "")[:MAX_QUERY]}
    form = SandboxForm(request.POST or None, templates=names, initial=initial)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        made = await attempt(
            actions.create_sandbox(
                access=access,
                template_name=wanted["template"],
                name=wanted["name"] or None,
                ttl_seconds=wanted["ttl_seconds"],
                idle_ttl_seconds=wanted["idle_ttl_seconds"],
            )
        )
        if not isinstance(made, Problem):
            return redirect("sandbox", team=access.team.slug, name=made.name)
        form.show(made)
    context |= {"form": form, "templates": names}
    status = 422 if form.errors else 200
    return await answer(request, access, "resources/sandbox_new.html", context, status=status)
