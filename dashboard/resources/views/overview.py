"""The team's first page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.audit.models import Event
from dashboard.charts.ranges import RANGES, range_of, window_of
from dashboard.charts.readings import readings_answer
from dashboard.frame import answer
from dashboard.resources.charts import OF_WORKSPACE, keys_of
from dashboard.resources.overview.attention import items
from dashboard.resources.overview.first_steps import first_steps
from dashboard.resources.overview.held import bars
from dashboard.resources.overview.parts import ask
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.teams.server import server_state

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.resources.overview.parts import Parts
    from dashboard.teams.access import Access

RECENT = 8
DEFAULT = "1h"
FRAGMENTS = {"now": "resources/_overview_now.html", "held": "resources/_overview_held.html"}
STATES = ("ready", "provisioning", "failed")


@require("team.view")
async def overview(request: HttpRequest, access: Access) -> HttpResponse:
    """Counts, what needs attention, use over time, limits, activity; ``?part=`` is the part that follows events."""
    parts = await ask(access)
    context = {
        "section": "overview",
        "charts": OF_WORKSPACE,
        "ranges": RANGES,
        "range": range_of(request, DEFAULT),
        "events": [event async for event in Event.objects.filter(team=access.team)[:RECENT]],
        **_told(parts, access),
    }
    if context.get("begun") is False:
        server = await server_state(access.team, access.user)
        context["first_steps"] = first_steps(access.team, server.capabilities)
    fragment = FRAGMENTS.get(request.GET.get("part", ""))
    return await answer(request, access, "resources/overview.html", context, fragment=fragment)


def _told(parts: Parts, access: Access) -> dict[str, Any]:
    """What came of the parts, as the templates name it."""
    context: dict[str, Any] = {"attention": items(parts, access.team.slug)}
    if isinstance(parts.limits, Problem):
        context["limits_problem"] = parts.limits
    else:
        context["bars"] = bars(parts.limits)
    if isinstance(parts.pools, Problem):
        context["pools_problem"] = parts.pools
    if isinstance(parts.summary, Problem):
        return context | {"problem": parts.summary}
    counts = parts.summary.sandboxes
    return context | {
        "summary": parts.summary,
        "states": [(state, counts.get(state, 0)) for state in STATES],
        "volumes": sum(parts.summary.volumes.values()),
        "pools": sum(parts.summary.pools.values()),
        "begun": any(counts.values()) or parts.summary.wanted_replicas > 0,
    }


@require("team.view")
async def overview_data(request: HttpRequest, access: Access) -> HttpResponse:
    """The workspace's readings of ``?range=``, or of those since ``?after=``, as JSON for the charts."""
    chosen = range_of(request, DEFAULT)
    window = window_of(request, chosen)
    call = client_for(access.team, access.user).get_metrics(start=window.start, end=window.end, step=window.step)
    return readings_answer(await attempt(call), keys_of(OF_WORKSPACE), chosen=chosen, window=window, limits={})
