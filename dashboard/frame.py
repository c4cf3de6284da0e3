"""The frame of a team's pages, and the rule that one view gives the page or its fragment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.template.loader import render_to_string

from dashboard.teams.models import Team
from dashboard.teams.server import server_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from dashboard.teams.access import Access


async def frame_context(request: HttpRequest, access: Access) -> dict[str, Any]:
    """What ``base.html`` needs: who and where, the teams to switch to, the state of the sandbox server."""
    if await request.session.aget("team") != access.team.slug:
        await request.session.aset("team", access.team.slug)
    return {
        "access": access,
        "person": access.user,
        "team": access.team,
        "teams": [team async for team in Team.objects.filter(members=access.user)[:50]],
        "server": await server_state(access.team, access.user),
    }


async def answer(
    request: HttpRequest,
    access: Access,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render ``fragment`` when htmx asks and the view has one, else the whole page ``template`` in its frame."""
    values = dict(context or {})
    if request.htmx and fragment:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        values |= {"access": access, "person": access.user, "team": access.team}
        body = render_to_string(fragment, values, request)
    else:
        body = render_to_string(template, values | await frame_context(request, access), request)
    response = HttpResponse(body, status=status)
    response.headers["Vary"] = "HX-Request, Cookie"
    response.headers["Cache-Control"] = "private, no-cache"
    return response
