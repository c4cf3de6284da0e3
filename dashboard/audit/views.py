"""The activity page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.audit.models import Event
from dashboard.frame import answer
from dashboard.paging import page_of
from dashboard.teams.access import require

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

PAGE = 50


@require("activity.view")
async def activity(request: HttpRequest, access: Access) -> HttpResponse:
    """What was done in the team, newest first."""
    page = await page_of(Event.objects.filter(team=access.team), request, PAGE)
    return await answer(request, access, "audit/activity.html", {"section": "activity", "page": page})
