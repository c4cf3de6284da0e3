"""The palette's results, as a fragment; without script, a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.frame import answer
from dashboard.palette.search import find
from dashboard.teams.access import require

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("team.view")
async def palette(request: HttpRequest, access: Access) -> HttpResponse:
    """What ``q`` finds among pages, actions, sandboxes, templates, volumes, pools and members."""
    query = request.GET.get("q", "")[:MAX_QUERY].strip()
    context = {"groups": await find(access, query), "query": query}
    return await answer(request, access, "palette/page.html", context, fragment="palette/_results.html")
