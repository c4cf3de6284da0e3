"""Pages of recordings: one with its player, its file, its search, its end; and the team's setting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.views.decorators.http import require_GET

from dashboard.confirm import Question, ask
from dashboard.frame import answer
from dashboard.lists import cells
from dashboard.recordings.actions import StillRecordingError, change_policy, delete_recording
from dashboard.recordings.file import CastResponse
from dashboard.recordings.forms import PolicyForm
from dashboard.recordings.list import COLOURS, length
from dashboard.recordings.models import Recording, State
from dashboard.recordings.policy import policy_of
from dashboard.recordings.store import cast_path, search
from dashboard.teams.access import require
from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponseBase

    from dashboard.teams.access import Access

MOST_FOUND = 200
LONGEST_WORDS = 200
_searching = asyncio.Semaphore(2)


async def find(access: Access, recording_id: UUID) -> Recording:
    """The team's recording. Raises ``Http404``."""
    found = await Recording.objects.select_related("session").filter(team=access.team, id=recording_id).afirst()
    if found is None:
        raise Http404("There is no such recording.")
    return found


@require("recording.view")
async def recording(request: HttpRequest, access: Access, recording_id: UUID) -> HttpResponse:
    """One recording, with its player."""
    found = await find(access, recording_id)
    words, colour = COLOURS[State(found.state)]
    context = {
        "section": "recordings",
        "recording": found,
        "state": cells.badge(words, colour, moving=found.state == State.RECORDING),
        "live": found.state == State.RECORDING,
        "there": await asyncio.to_thread(_has_file, found),
        "length": length(found.seconds),
        "size": cells.size(found.size),
        "policy": await policy_of(access.team),
    }
    response = await answer(request, access, "recordings/recording.html", context)
    # The player's terminal is WebAssembly, which may be compiled on this page alone; text is never run as a script.
    response._csp_update = {"script-src": ["'wasm-unsafe-eval'"]}  # type: ignore[attr-defined]
    return response


def _has_file(found: Recording) -> bool:
    path = cast_path(found.id)
    return path.exists() and path.stat().st_size > 0


@require_GET
@require("recording.view")
async def recording_file(request: HttpRequest, access: Access, recording_id: UUID) -> HttpResponseBase:
    """The asciicast, as far as it is; ``?download`` gives it a name."""
    found = await find(access, recording_id)
    try:
        response = await asyncio.to_thread(CastResponse, cast_path(found.id))
    except FileNotFoundError:
        raise Http404("The file of this recording is gone.") from None
    response.headers["Cache-Control"] = "private, no-store"
    if "download" in request.GET:
        response.headers["Content-Disposition"] = f'attachment; filename="{found.id}.cast"'
    return response


@require_GET
@require("recording.view")
async def recording_search(request: HttpRequest, access: Access, recording_id: UUID) -> HttpResponse:
    """Lines with the words ``q``, and when they were shown: ``{"found": [{"at", "text"}], "more"}``."""
    found = await find(access, recording_id)
    words = request.GET.get("q", "").strip()[:LONGEST_WORDS]
    lines = []
    if words:
        async with _searching:
            lines = await asyncio.to_thread(search, found, words, MOST_FOUND + 1)
    shown = [{"at": line.at, "time": length(line.at), "text": cells.visible(line.text)} for line in lines[:MOST_FOUND]]
    return JsonResponse({"found": shown, "more": len(lines) > MOST_FOUND})


@require("recording.delete")
async def recording_delete(request: HttpRequest, access: Access, recording_id: UUID) -> HttpResponseBase:
    """Delete a recording, after asking."""
    found = await find(access, recording_id)
    refused = "It is still being recorded: end its terminal first." if found.state == State.RECORDING else ""
    if request.method == "POST" and not refused:
        try:
            await delete_recording(access=access, recording=found)
        except StillRecordingError:
            refused = "It is still being recorded, or was deleted meanwhile."
        except OSError as error:
            refused = f"Its file could not be deleted: {error.strerror}."
        else:
            messages.success(request, f"The recording of the terminal in {found.sandbox_name} was deleted.")
            return redirect("recording_list", team=access.team.slug)
    own = {"team": access.team.slug, "recording_id": found.id}
    question = Question(
        "Delete this recording?",
        "Delete recording",
        resolve_url("recording_delete", **own),
        resolve_url("recording", **own),
        loses=["What the terminal showed is lost. This cannot be undone; the activity says that you deleted it."],
        facts=[
            ("Terminal in", found.sandbox_name),
            ("Opened by", found.person_name),
            ("Begun", when(found.started_at)),
            ("Length", length(found.seconds)),
        ],
        refused=refused,
    )
    return await ask(
        request, access, question, section="recordings", status=409 if refused and request.method == "POST" else 200
    )


@require("team.settings")
async def recording_policy(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The team's setting."""
    policy = await policy_of(access.team)
    now = {"enabled": policy.enabled, "days": policy.days, "max_mb": policy.max_mb}
    form = PolicyForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        await change_policy(access=access, **form.cleaned_data)
        words = (
            "Terminals of this team are recorded from now on." if form.cleaned_data["enabled"] else "Recording is off."
        )
        messages.success(request, words)
        return redirect("team", team=access.team.slug)
    context = {"section": "team", "form": form, "policy": policy}
    return await answer(
        request,
        access,
        "recordings/policy.html",
        context,
        fragment="recordings/_policy.html",
        status=422 if form.errors else 200,
    )


@require_GET
@require("terminal.view")
async def recording_sign(request: HttpRequest, access: Access) -> HttpResponse:
    """What stands in the bar of each terminal."""
    context = {"recording_policy": await policy_of(access.team)}
    return await answer(request, access, "recordings/sign.html", context, fragment="recordings/_sign.html")
