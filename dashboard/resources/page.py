"""The frame of one sandbox's page: heading, state and tabs. Each tab is a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.frame import answer
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


async def find_sandbox(access: Access, name: str) -> AsyncSandbox | Problem:
    """The sandbox of this name in the team's workspace, or why it cannot be shown."""
    return await attempt(client_for(access.team, access.user).get_sandbox(name))


async def sandbox_page(
    request: HttpRequest,
    access: Access,
    found: AsyncSandbox | Problem,
    template: str,
    *,
    tab: str,
    context: Mapping[str, Any] | None = None,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """A tab of one sandbox's page; ``template`` extends ``resources/sandbox_page.html`` and fills ``tab``.

    ``tab`` is ``terminal``, ``overview`` or ``settings``. Where there is no sandbox to show, the page says why.
    """
    values = {"section": "sandboxes", **(context or {})}
    if isinstance(found, Problem):
        return await answer(
            request, access, "resources/problem.html", {**values, "problem": found}, status=found.status
        )
    values |= {"sandbox": found, "tab": tab}
    return await answer(request, access, template, values, fragment=fragment, status=status)
