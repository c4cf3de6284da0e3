"""The frame of one sandbox's page: heading, state and tabs. Each tab is a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.ended import last_of_name
from dashboard.resources.lifetimes import end_of_lifetime
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox
    from sandboxcore.models import SandboxRecord


async def find_sandbox(access: Access, name: str) -> AsyncSandbox | Problem:
    """The sandbox of this name in the team's workspace, or why it cannot be shown."""
    return await attempt(client_for(access.team, access.user).get_sandbox(name))


def head_context(sandbox: SandboxRecord) -> dict[str, Any]:
    """What the heading shows of a sandbox."""
    return {"sandbox": sandbox, "lifetime_end": end_of_lifetime(sandbox)}


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

    ``tab`` is the last part of the tab's address, or ``overview``. A sandbox that has ended leads to its history; where
    there is none to show, the page says why.
    """
    values = {"section": "sandboxes", **(context or {})}
    if isinstance(found, Problem):
        return await _nothing(request, access, found, values)
    values |= {**head_context(found), "tab": tab}
    return await answer(request, access, template, values, fragment=fragment, status=status)


async def _nothing(request: HttpRequest, access: Access, problem: Problem, values: Mapping[str, Any]) -> HttpResponse:
    name = request.resolver_match.kwargs.get("name") if request.resolver_match else None
    if problem.status == 404 and name and request.method == "GET":
        past = await last_of_name(access, name)
        if past is not None:
            return redirect("sandbox_past", team=access.team.slug, sandbox_id=past.id)
    return await answer(
        request, access, "resources/problem.html", {**values, "problem": problem}, status=problem.status
    )
