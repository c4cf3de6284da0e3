"""A sandbox's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.forms.sandboxes import RenameForm
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("sandbox.update")
async def sandbox_settings(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Rename a sandbox, or delete it."""
    found = await find_sandbox(access, name)
    form = RenameForm(request.POST or None, initial={"name": name})
    if request.method == "POST" and not isinstance(found, Problem) and form.is_valid():
        new_name = form.cleaned_data["name"]
        renamed = await attempt(actions.rename_sandbox(access=access, name=name, new_name=new_name))
        if not isinstance(renamed, Problem):
            messages.success(request, f"{name} is now called {renamed.name}.")
            return redirect("sandbox_settings", team=access.team.slug, name=renamed.name)
        form.show(renamed)
    return await sandbox_page(
        request,
        access,
        found,
        "resources/sandbox_settings.html",
        tab="settings",
        context={"form": form},
        status=422 if form.errors else 200,
    )
