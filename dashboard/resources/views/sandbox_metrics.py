"""What a sandbox uses, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.charts.ranges import RANGES, range_of, window_of
from dashboard.charts.readings import readings_answer
from dashboard.resources.charts import OF_SANDBOX, keys_of
from dashboard.resources.inside import inside_page
from dashboard.resources.page import find_sandbox
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

DEFAULT = "15m"


@require("sandbox.view")
async def sandbox_metrics(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Charts of processor, memory, disk, processes and network; ``?range=`` says for how long back."""
    found = await find_sandbox(access, name)
    context = {"charts": OF_SANDBOX, "ranges": RANGES, "range": range_of(request, DEFAULT)}
    return await inside_page(
        request, access, found, "metrics", context=context, fragment="resources/_sandbox_metrics_state.html"
    )


@require("sandbox.view")
async def sandbox_metrics_data(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The readings of ``?range=``, or of those since ``?after=``, as JSON for the charts."""
    chosen = range_of(request, DEFAULT)
    window = window_of(request, chosen)
    call = client_for(access.team, access.user).get_sandbox_metrics(
        name, start=window.start, end=window.end, step=window.step
    )
    found = await attempt(call)
    limits = {} if isinstance(found, Problem) else found.limits
    return readings_answer(found, keys_of(OF_SANDBOX), chosen=chosen, window=window, limits=limits)
