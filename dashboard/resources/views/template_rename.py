"""Another name for a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import templates as actions
from dashboard.resources.forms.templates import RenameTemplateForm
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access


@require("template.update")
async def template_rename(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Give a template another name, in the dialog."""
    form = RenameTemplateForm(request.POST or None, initial={"name": name})
    if request.method == "POST" and form.is_valid():
        new_name = form.cleaned_data["name"]
        renamed = await attempt(actions.rename_template(access=access, name=name, new_name=new_name))
        if not isinstance(renamed, Problem):
            messages.success(request, f"{name} is now called {renamed.name}.")
            return redirect("template", team=access.team.slug, name=renamed.name)
        form.show(renamed)
    return await answer(
        request,
        access,
        "resources/template_rename.html",
        {"section": "templates", "form": form, "name": name},
        fragment="resources/_template_rename.html",
        status=422 if form.errors else 200,
    )
