"""Making a pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import pools as actions
from dashboard.resources.forms.pools import PoolForm
from dashboard.resources.preflight import Preflight, Wants, preflight
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Template

MOST = 500
MAX_NAME = 100


@require("pool.create")
async def pool_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a pool. For htmx: what the one that the form describes would take, and the program that makes it."""
    asked = (request.POST.get("template") or request.GET.get("template") or "")[:MAX_NAME]
    found = await attempt(client_for(access.team, access.user).list_templates(limit=MOST, sort="name"))
    if isinstance(found, Problem):
        return await answer(request, access, "resources/problem.html", {"section": "pools", "problem": found})
    poolable = [template for template in found if not template.volume_mounts]
    given: Any = request.POST or (request.GET if request.htmx else None)  # type: ignore[attr-defined]
    form = PoolForm(given, templates=[each.name for each in poolable], initial={"template": asked, "replicas": 1})
    if request.method == "POST" and form.is_valid():
        made = await attempt(actions.create_pool(access=access, **form.wanted()))
        if not isinstance(made, Problem):
            return redirect("pool", team=access.team.slug, name=made.name)
        form.show(made)
    chosen = next((each for each in poolable if each.name == asked), next(iter(poolable), None))
    values = form.told(chosen.name if chosen else "")
    context = {
        "section": "pools",
        "form": form,
        "templates": poolable,
        "mounting": len(found) - len(poolable),
        "template": chosen,
        "values": values,
        "preflight": await _room(access, chosen, values["replicas"]),
    }
    status = 422 if request.method == "POST" else 200
    takes = "resources/_pool_takes.html"
    return await answer(request, access, "resources/pool_new.html", context, fragment=takes, status=status)


async def _room(access: Access, template: Template | None, replicas: int) -> Preflight:
    if template is None:
        return Preflight()
    return await preflight(access, replace(Wants.of(template.resources, replicas), pools=1))
