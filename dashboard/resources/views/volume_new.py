"""Making a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect

from dashboard import quantities
from dashboard.frame import answer
from dashboard.resources.actions import volumes as actions
from dashboard.resources.forms.volumes import VolumeForm
from dashboard.resources.preflight import Wants, preflight
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt
from dashboard.teams.server import server_state

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

DEFAULT_SIZE = "1Gi"


@require("volume.create")
async def volume_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a volume. For htmx: what the one that the form describes would take, and the program that makes it."""
    server = await server_state(access.team, access.user)
    given: Any = request.POST or (request.GET if request.htmx else None)  # type: ignore[attr-defined]
    form = VolumeForm(given, initial={"size": DEFAULT_SIZE})
    if request.method == "POST" and form.is_valid():
        made = await attempt(actions.create_volume(access=access, **form.cleaned_data))
        if not isinstance(made, Problem):
            return redirect("volume", team=access.team.slug, name=made.name)
        form.show(made)
    name, size = _told(form)
    context = {
        "section": "volumes",
        "form": form,
        "values": {"name": name or "data", "size": size or DEFAULT_SIZE},
        "preflight": await preflight(access, Wants(volumes=1, storage_bytes=_bytes(size))),
        "unsupported": bool(server.capabilities and server.capabilities.volumes is False),
        "notes": server.capabilities.notes if server.capabilities else (),
    }
    status = 422 if request.method == "POST" else 200
    takes = "resources/_volume_takes.html"
    return await answer(request, access, "resources/volume_new.html", context, fragment=takes, status=status)


def _told(form: VolumeForm) -> tuple[str, str]:
    """Name and size as far as the form is filled sensibly."""
    if not form.is_bound:
        return "", DEFAULT_SIZE
    form.is_valid()  # cleans once; a second time would forget what the API said
    return form.cleaned_data.get("name", ""), form.cleaned_data.get("size", "")


def _bytes(size: str) -> int:
    try:
        return quantities.parse_bytes(size) if size else 0
    except quantities.QuantityError:
        return 0
