"""The list of sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.frame import answer
from dashboard.resources.listing import STATES, chosen
from dashboard.resources.page import find_sandbox
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("sandbox.view")
async def sandbox_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Every sandbox of the workspace; ``?state=`` and ``?q=`` choose."""
    state = request.GET.get("state", "")
    query = request.GET.get("q", "")[:MAX_QUERY]
    found = await attempt(client_for(access.team, access.user).list_sandboxes())
    context: dict[str, object] = {
        "section": "sandboxes",
        "state": state if state in STATES else "",
        "query": query,
        "states": STATES,
    }
    if isinstance(found, Problem):
        context["problem"] = found
    else:
        context |= {
            "sandboxes": chosen(found, state=state if state in STATES else "", query=query),
            "total": len(found),
        }
    return await answer(
        request,
        access,
        "resources/sandbox_list.html",
        context,
        fragment="resources/_sandbox_results.html",
    )


@require("sandbox.view")
async def sandbox_row(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """One row of the list; a row that is provisioning asks for itself until it is not."""
    found = await find_sandbox(access, name)
    context = {"problem": found, "name": name} if isinstance(found, Problem) else {"sandbox": found}
    # htmx swaps in answers of status 200 only, and a row that is gone says so in its place.
    return await answer(request, access, "resources/sandbox_row.html", context, fragment="resources/_sandbox_row.html")
