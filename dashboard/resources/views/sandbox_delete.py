"""Deleting a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.confirm import Question, ask, next_of
from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.page import find_sandbox
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt
from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


@require("sandbox.delete")
async def sandbox_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a sandbox, after saying what will be lost."""
    back = next_of(request) or resolve_url("sandbox_list", team=access.team.slug)
    if request.method == "POST":
        gone = await attempt(actions.delete_sandbox(access=access, name=name))
        if isinstance(gone, Problem):
            messages.error(request, gone.message)
        else:
            messages.success(request, f"{name} was deleted.")
        return redirect(back)
    return await ask(request, access, _question(access, name, await find_sandbox(access, name)), section="sandboxes")


def _question(access: Access, name: str, found: AsyncSandbox | Problem) -> Question:
    own = {"team": access.team.slug, "name": name}
    cancel = resolve_url("sandbox_list", team=access.team.slug)
    title, button, action = f"Delete {name}?", "Delete sandbox", resolve_url("sandbox_delete", **own)
    if isinstance(found, Problem):
        return Question(title, button, action, cancel, refused=found.message)
    return Question(
        title,
        button,
        action,
        cancel,
        loses=[
            "Every command that runs in it is ended, and every file in it is lost. What is on volumes stays. "
            "This cannot be undone."
        ],
        facts=[
            ("Template", found.template_name),
            ("Created by", found.created_by),
            ("Created", when(found.created_at)),
            ("Last activity", when(found.last_activity_at)),
        ],
        copy=("sandbox.delete", {"name": name}),
    )
