"""Deleting a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.page import find_sandbox
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("sandbox.delete")
async def sandbox_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a sandbox, after saying what will be lost."""
    if request.method == "POST":
        gone = await attempt(actions.delete_sandbox(access=access, name=name))
        if isinstance(gone, Problem):
            messages.error(request, gone.message)
        else:
            messages.success(request, f"{name} was deleted.")
        return redirect("sandbox_list", team=access.team.slug)
    found = await find_sandbox(access, name)
    context: dict[str, object] = {"section": "sandboxes", "name": name}
    context |= {"problem": found} if isinstance(found, Problem) else {"sandbox": found}
    return await answer(
        request, access, "resources/sandbox_delete.html", context, fragment="resources/_sandbox_delete.html"
    )
