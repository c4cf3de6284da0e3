"""Deleting a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.confirm import Question, ask, mistyped
from dashboard.lists import cells
from dashboard.resources.actions import volumes as actions
from dashboard.resources.volume_users import sandboxes_of, templates_of
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Volume


@require("volume.delete")
async def volume_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a volume and all that is on it, when its name was typed; refused while a template mounts it."""
    refusal: Problem | None = None
    error = mistyped(request, name) if request.method == "POST" else ""
    if request.method == "POST" and not error:
        gone = await attempt(actions.delete_volume(access=access, name=name))
        if not isinstance(gone, Problem):
            messages.success(request, f"The volume {name} was deleted.")
            return redirect("volume_list", team=access.team.slug)
        refusal = gone
    volume = await attempt(client_for(access.team, access.user).get_volume(name, include="usage"))
    question = _question(access, name, volume, refusal)
    status = refusal.status if refusal else 422 if error else 200
    return await ask(request, access, question, section="volumes", error=error, status=status)


def _question(access: Access, name: str, volume: Volume | Problem, refusal: Problem | None) -> Question:
    own = {"team": access.team.slug, "name": name}
    cancel = resolve_url("volume_list", team=access.team.slug)
    title, button, action = f"Delete the volume {name}?", "Delete volume", resolve_url("volume_delete", **own)
    if isinstance(volume, Problem):
        return Question(title, button, action, cancel, refused=volume.message)
    users = [users for users in (templates_of(access, volume), sandboxes_of(access, volume)) if users.names]
    return Question(
        title,
        button,
        action,
        resolve_url("volume", **own),
        loses=["All that is on it is lost. This cannot be undone."],
        facts=[
            ("Size", volume.size),
            ("Used", cells.size(volume.used_bytes)),
            ("Created by", volume.created_by),
            ("Created", when(volume.created_at)),
        ],
        used_by=users,
        name=name,
        refused="It cannot be deleted while templates mount it: delete those first." if users else "",
        problem=refusal,
        copy=None if users else ("volume.delete", {"name": name}),
    )
