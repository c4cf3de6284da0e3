"""One hour more for a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.lifetimes import an_hour_more, end_of_lifetime
from dashboard.resources.page import find_sandbox
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import SandboxRecord

NO_LIFETIME = Problem(
    "This sandbox has no lifetime that could be made longer: it stays until it is deleted.", status=409
)


@require("sandbox.update")
async def sandbox_extend(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Say when the sandbox would end with one hour more, and by POST have it so."""
    found = await find_sandbox(access, name)
    problem = found if isinstance(found, Problem) else None
    if request.method == "POST" and not isinstance(found, Problem):
        extended = await _extend(access, found)
        if not isinstance(extended, Problem):
            messages.success(request, f"{extended.name} has one hour more.")
            return redirect("sandbox", team=access.team.slug, name=extended.name)
        problem = extended
    context = {"section": "sandboxes", "name": name, **_offer(found), **({"problem": problem} if problem else {})}
    return await answer(
        request,
        access,
        "resources/sandbox_extend.html",
        context,
        fragment="resources/_sandbox_extend.html",
        status=problem.status if problem and request.method == "POST" else 200,
    )


async def _extend(access: Access, sandbox: SandboxRecord) -> SandboxRecord | Problem:
    more = an_hour_more(sandbox)
    if more is None:
        return NO_LIFETIME
    return await attempt(actions.change_lifetimes(access=access, name=sandbox.name, ttl_seconds=more[0]))


def _offer(found: SandboxRecord | Problem) -> dict[str, object]:
    """What the dialog says before anything is sent."""
    if isinstance(found, Problem):
        return {"problem": found}
    more = an_hour_more(found)
    if more is None:
        return {"problem": NO_LIFETIME}
    return {"sandbox": found, "before": end_of_lifetime(found), "after": more[1]}
