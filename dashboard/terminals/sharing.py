"""Links by which others look at a shell: made and withdrawn by the team, opened by whoever has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from dashboard.recordings.policy import policy_of
from dashboard.teams.access import require
from dashboard.terminals.actions import TooManyLinksError, create_link, mark_opened, revoke_link
from dashboard.terminals.models import ShareLink
from dashboard.terminals.requests import RefusedError, answers, body_of, session_of
from dashboard.terminals.shells import SHELLS
from dashboard.terminals.views import with_styles

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

SHORTEST = 60
LONGEST = 7 * 24 * 3600


@require("terminal.share")
@answers
async def terminal_links(request: HttpRequest, access: Access, name: str, session_id: UUID) -> dict[str, Any]:
    """The links that work now, or by POST another one, whose address is shown this once."""
    del name
    session = await session_of(access, session_id)
    if request.method == "POST":
        return await _made(request, access, session_id)
    good = ShareLink.objects.good().filter(session=session).select_related("created_by")
    return {"links": [_row(link) async for link in good]}


async def _made(request: HttpRequest, access: Access, session_id: UUID) -> dict[str, Any]:
    seconds = body_of(request).get("seconds")
    if type(seconds) is not int or not SHORTEST <= seconds <= LONGEST:
        raise RefusedError("A link lasts from a minute to seven days.")
    session = await session_of(access, session_id)
    if session.started_at is None or session.ended_at is not None:
        raise RefusedError("This shell does not run.", 409)
    try:
        link, token = await create_link(session, access=access, seconds=seconds)
    except TooManyLinksError:
        raise RefusedError("This shell has as many links as it may have; withdraw one.", 409) from None
    return {"url": settings.CONSOLE_URL + reverse("terminal_shared", args=[token]), "link": _row(link)}


def _row(link: ShareLink) -> dict[str, Any]:
    return {
        "id": link.pk,
        "created_by": link.created_by.get_username() if link.created_by else "somebody",
        "expires_at": link.expires_at.isoformat(),
        "opened": link.opened_at is not None,
    }


@require_POST
@require("terminal.share")
@answers
async def terminal_link_revoke(
    request: HttpRequest, access: Access, name: str, session_id: UUID, link_id: int
) -> dict[str, Any]:
    """Withdraw a link; who looks through it is cut off at once, in another console process within half a minute.

    Raises ``Http404``.
    """
    del request, name
    if not await revoke_link(await session_of(access, session_id), link_id, access=access):
        raise Http404
    SHELLS.doubt(session_id)
    return {}


@require_GET
async def terminal_shared(request: HttpRequest, token: str) -> HttpResponse:
    """What a guest sees: the terminal alone, without the console around it."""
    link = await ShareLink.objects.valid(token).afirst()
    if link is not None:
        await mark_opened(link)
    recorded = link is not None and (await policy_of(link.session.team)).enabled
    context = {"link": link, "recorded": recorded, "guest": True, "socket": f"{request.path}socket"}
    status = 404 if link is None else 200
    response = await sync_to_async(render)(request, "terminals/shared.html", context, status=status)
    # The address is the secret: it is told to nobody, and kept nowhere.
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return with_styles(response)
