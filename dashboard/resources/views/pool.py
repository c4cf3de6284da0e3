"""One pool: how full it is, how creates went, what waiting costs, and which size they ask for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dashboard.frame import answer
from dashboard.resources.pool_state import Economics, Told, cause_of, pool_badge
from dashboard.resources.preflight import soon
from dashboard.resources.template_users import linked
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Pool

MOST_CLAIMS = 100


@require("pool.view")
async def pool(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Show a pool; the part that changes by itself when htmx asks."""
    client = client_for(access.team, access.user)
    found, claims = await asyncio.gather(
        attempt(client.get_pool(name)), attempt(client.list_pool_claims(name, limit=MOST_CLAIMS))
    )
    if isinstance(found, Problem):
        context: dict[str, Any] = {"section": "pools", "problem": found}
        return await answer(request, access, "resources/problem.html", context, status=found.status)
    context = {
        "section": "pools",
        "pool": found,
        "badge": pool_badge(found.status),
        "cause": cause_of(found.status_message),
        "template_href": linked(access, "template", [found.template_name])[0][1],
        "ready": found.ready_replicas or 0,
        "missing": max(0, found.replicas - (found.ready_replicas or 0)),
        "economics": Economics.of(found),
        "claims": _told(claims),
        "claims_problem": claims if isinstance(claims, Problem) else None,
        "before": await _before_pause(access, found),
    }
    return await answer(request, access, "resources/pool.html", context, fragment="resources/_pool.html")


def _told(claims: Sequence[Any] | Problem) -> list[Told]:
    return [] if isinstance(claims, Problem) else [Told.of(claim) for claim in claims]


async def _before_pause(access: Access, pool: Pool) -> int | None:
    """How many it kept before it was paused; None where it is not, or nobody knows."""
    if pool.replicas or not pool.id:
        return None
    client = client_for(access.team, access.user)
    events = await soon(attempt(client.list_events(subject=pool.id, types=["pool.paused"], newest_first=True, limit=1)))
    if events is None or isinstance(events, Problem) or not events:
        return None
    before = (events[0].data or {}).get("before")
    return before if isinstance(before, int) and 0 < before <= 100 else None
