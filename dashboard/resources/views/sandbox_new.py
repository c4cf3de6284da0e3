"""Making a sandbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, resolve_url

from dashboard.frame import answer
from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.forms.new_sandbox import NewSandboxForm, at_first
from dashboard.resources.preflight import Preflight, Wants, preflight, soon
from dashboard.resources.template_users import linked
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Pool, Template

MOST = 500
"""Templates that are offered; another is found by its address, ``?template=``."""
MAX_NAME = 100


@require("sandbox.create")
async def sandbox_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a sandbox. For htmx: what the one that the form describes would take, and the program that makes it."""
    asked = request.POST.get("template") or request.GET.get("template") or ""
    found = await _templates(access, asked[:MAX_NAME])
    context: dict[str, Any] = {"section": "sandboxes"}
    if isinstance(found, Problem):
        return await answer(request, access, "resources/problem.html", context | {"problem": found})
    limits = await soon(attempt(client_for(access.team, access.user).get_limits()))
    bounds = None if limits is None or isinstance(limits, Problem) else limits
    names = [template.name for template in found]
    given: Any = request.POST or (request.GET if request.htmx else None)  # type: ignore[attr-defined]
    form = NewSandboxForm(given, templates=names, initial=at_first(bounds, asked), bounds=bounds)
    if request.method == "POST" and form.is_valid():
        made = await attempt(actions.create_sandbox(access=access, **form.wanted()))
        if not isinstance(made, Problem):
            return redirect("sandbox", team=access.team.slug, name=made.name)
        form.show(made)
    chosen = next((each for each in found if each.name == asked), next(iter(found), None))
    context |= {"form": form, "templates": names, "longest": bounds.max_ttl_seconds if bounds else None}
    context |= await _takes(access, chosen) | {"values": form.told(chosen.name if chosen else "")}
    status = 422 if request.method == "POST" else 200
    return await answer(
        request,
        access,
        "resources/sandbox_new.html",
        context,
        fragment="resources/_sandbox_takes.html",
        status=status,
    )


async def _templates(access: Access, asked: str) -> Sequence[Template] | Problem:
    """The templates to choose from, by name; with the one that was asked for, if it is not among the first."""
    client = client_for(access.team, access.user)
    found = await attempt(client.list_templates(limit=MOST, sort="name"))
    if isinstance(found, Problem) or not asked or any(each.name == asked for each in found):
        return found
    one = await attempt(client.get_template(asked))
    return found if isinstance(one, Problem) else [one, *found]


async def _takes(access: Access, template: Template | None) -> dict[str, Any]:
    """What a sandbox of the template takes, and whether a pool has one ready."""
    if template is None:
        return {"template": None, "preflight": Preflight()}
    slug = access.team.slug
    room, warm = await asyncio.gather(preflight(access, Wants.of(template.resources)), _warm(access, template.name))
    volumes = linked(access, "volume", [mount.volume_name for mount in template.volume_mounts])
    return {
        "template": template,
        "template_href": _first(linked(access, "template", [template.name])),
        "mounts": [(mount, href) for mount, (_, href) in zip(template.volume_mounts, volumes, strict=True)],
        "preflight": room,
        "warm": warm,
        "warm_href": _first(linked(access, "pool", [warm.name])) if warm else "",
        "back": resolve_url("sandbox_new", team=slug) + f"?template={template.name}",
    }


def _first(links: list[tuple[str, str]]) -> str:
    return links[0][1] if links else ""


async def _warm(access: Access, template: str) -> Pool | None:
    """A pool that has a sandbox of the template ready."""
    pools = await soon(attempt(client_for(access.team, access.user).list_pools(template=template, limit=10)))
    if pools is None or isinstance(pools, Problem):
        return None
    return next((pool for pool in pools if pool.ready_replicas and pool.template_name == template), None)
