"""Deleting a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.confirm import Question, ask
from dashboard.resources.actions import pools as actions
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Pool


@require("pool.delete")
async def pool_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a pool and its warm sandboxes, after saying so."""
    refusal: Problem | None = None
    if request.method == "POST":
        gone = await attempt(actions.delete_pool(access=access, name=name))
        if not isinstance(gone, Problem):
            messages.success(request, f"The pool {name} was deleted.")
            return redirect("pool_list", team=access.team.slug)
        refusal = gone
    pool = await attempt(client_for(access.team, access.user).get_pool(name))
    question = _question(access, name, pool, refusal)
    return await ask(request, access, question, section="pools", status=refusal.status if refusal else 200)


def _question(access: Access, name: str, pool: Pool | Problem, refusal: Problem | None) -> Question:
    own = {"team": access.team.slug, "name": name}
    cancel = resolve_url("pool_list", team=access.team.slug)
    title, button, action = f"Delete the pool {name}?", "Delete pool", resolve_url("pool_delete", **own)
    if isinstance(pool, Problem):
        return Question(title, button, action, cancel, refused=pool.message)
    return Question(
        title,
        button,
        action,
        cancel,
        loses=[_lost(pool.ready_replicas or 0)],
        facts=[
            ("Template", pool.template_name),
            ("Ready", f"{pool.ready_replicas or 0} of {pool.replicas}"),
            ("Created by", pool.created_by),
            ("Created", when(pool.created_at)),
        ],
        problem=refusal,
        copy=("pool.delete", {"name": name}),
    )


def _lost(ready: int) -> str:
    warm = {0: "It has no warm sandbox now.", 1: "Its warm sandbox is ended."}.get(
        ready, f"Its {ready} warm sandboxes are ended."
    )
    return f"{warm} Those that somebody has claimed go on, and creates start cold from then on."
