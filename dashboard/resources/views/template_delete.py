"""Deleting a template."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.confirm import Question, ask
from dashboard.resources.actions import templates as actions
from dashboard.resources.template_users import template_users
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.confirm import Users
    from dashboard.teams.access import Access
    from sandboxcore.models import Template


@require("template.delete")
async def template_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a template, after asking. While anything uses it, who does is shown and the API refuses."""
    refusal: Problem | None = None
    if request.method == "POST":
        gone = await attempt(actions.delete_template(access=access, name=name))
        if not isinstance(gone, Problem):
            messages.success(request, f"The template {name} was deleted.")
            return redirect("template_list", team=access.team.slug)
        refusal = gone
    template, users = await asyncio.gather(
        attempt(client_for(access.team, access.user).get_template(name)), template_users(access, name)
    )
    question = _question(access, name, template, users, refusal)
    return await ask(request, access, question, section="templates", status=refusal.status if refusal else 200)


def _question(
    access: Access, name: str, template: Template | Problem, users: Sequence[Users], refusal: Problem | None
) -> Question:
    own = {"team": access.team.slug, "name": name}
    cancel = resolve_url("template_list", team=access.team.slug)
    title, button, action = f"Delete the template {name}?", "Delete template", resolve_url("template_delete", **own)
    if isinstance(template, Problem):
        return Question(title, button, action, cancel, refused=template.message)
    limits = template.resources
    return Question(
        title,
        button,
        action,
        cancel,
        loses=["No sandbox can be made from it any more. Its image and its volumes stay."],
        facts=[("Image", template.image), ("Limits", f"{limits.cpu} CPU, {limits.memory} memory")],
        used_by=users,
        refused="It cannot be deleted while these use it." if users else "",
        problem=refusal,
        copy=None if users else ("template.delete", {"name": name}),
    )
