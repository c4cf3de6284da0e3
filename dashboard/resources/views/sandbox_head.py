"""The heading of one sandbox's page, asked for again whenever something happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from dashboard.frame import answer
from dashboard.resources.ended import by_id, last_of_name, why_ended
from dashboard.resources.page import find_sandbox, head_context
from dashboard.teams.access import require
from dashboard.teams.problems import Problem

if TYPE_CHECKING:
    from django.http import HttpRequest

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox

HEAD = "resources/_sandbox_head.html"
MAX_ID = 64


@require("sandbox.view")
async def sandbox_head(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The heading as it is now. ``?id=`` is the sandbox that the page shows: its name may be another's by now."""
    wanted = request.GET.get("id", "")[:MAX_ID]
    found = await find_sandbox(access, name)
    if isinstance(found, Problem) and found.status != 404:
        # That nobody answers does not mean that it has ended: the page keeps what it shows, and asks again.
        return HttpResponse(found.message, status=found.status, content_type="text/plain; charset=utf-8")
    context = await _shown(access, name, wanted, found)
    return await answer(request, access, HEAD, context, fragment=HEAD)


async def _shown(access: Access, name: str, wanted: str, found: AsyncSandbox | Problem) -> dict[str, Any]:
    if not isinstance(found, Problem) and (not wanted or found.id == wanted):
        return head_context(found)
    past = await by_id(access, wanted) if wanted else await last_of_name(access, name)
    if isinstance(past, Problem) or past is None:
        return _gone(name)
    if past.status != "ended":
        return {"sandbox": past, "renamed": past.name}
    return {"sandbox": past, "gone": past, "why": why_ended(past)}


def _gone(name: str) -> dict[str, Any]:
    """What is said of a sandbox of which the server knows nothing any more."""
    unknown = {"name": name, "status": "ended"}
    return {"sandbox": unknown, "gone": unknown, "why": "the server does not say why"}
