"""What a sandbox is, and how to reach it from a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("sandbox.view")
async def sandbox(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """What a sandbox is, and how to reach it from a program."""
    found = await find_sandbox(access, name)
    return await sandbox_page(
        request,
        access,
        found,
        "resources/sandbox_overview.html",
        tab="overview",
        fragment="resources/_sandbox_overview.html",
    )
