"""Giving a volume more room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.resources.actions import volumes as actions
from dashboard.resources.change import Change, show
from dashboard.resources.forms.volumes import GrowForm
from dashboard.resources.preflight import Wants, preflight
from dashboard.resources.views.volume import larger
from dashboard.resources.volume_users import sandboxes_of
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.resources.preflight import Preflight
    from dashboard.teams.access import Access
    from sandboxcore.models import Volume

MOUNTED = "It cannot grow while a sandbox has it mounted: what is on it is copied first. Delete these, then try again."


@require("volume.update")
async def volume_grow(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Let a volume grow; while sandboxes have it mounted, who does is shown."""
    volume = await attempt(client_for(access.team, access.user).get_volume(name, include="usage"))
    if isinstance(volume, Problem):
        change = _change(access, name, GrowForm(present=""), refused=volume.message)
        return await show(request, access, change, section="volumes")
    form = GrowForm(request.POST or None, present=volume.size, initial={"size": volume.size})
    if request.method == "POST" and form.is_valid():
        grown = await attempt(actions.grow_volume(access=access, name=name, size=form.cleaned_data["size"]))
        if not isinstance(grown, Problem):
            size = grown.wanted_size or grown.size
            messages.success(request, f"{name} grows to {size}." if grown.wanted_size else f"{name} has {size} now.")
            return redirect("volume", team=access.team.slug, name=name)
        form.show(grown)
    room = await preflight(access, Wants(storage_bytes=form.more)) if form.more else None
    return await show(request, access, _change(access, name, form, volume=volume, room=room), section="volumes")


def _change(
    access: Access,
    name: str,
    form: GrowForm,
    *,
    volume: Volume | None = None,
    room: Preflight | None = None,
    refused: str = "",
) -> Change:
    own = {"team": access.team.slug, "name": name}
    users = [sandboxes_of(access, volume)] if volume and volume.used_by and volume.used_by.sandboxes else []
    if volume and volume.wanted_size:
        refused = f"It grows to {volume.wanted_size} just now."
    return Change(
        title=f"Grow {name}",
        button="Grow volume",
        action=resolve_url("volume_grow", **own),
        back=resolve_url("volume" if volume else "volume_list", **(own if volume else {"team": own["team"]})),
        form=form,
        says=[] if users or refused else ["It grows on a copy, which may take a while; what is on it stays."],
        facts=[("Size now", volume.size)] if volume else (),
        refused=MOUNTED if users else refused,
        used_by=users,
        preflight=room,
        copy=None
        if users or refused
        else ("volume.grow", {"name": name, "size": larger(volume.size if volume else "")}),
    )
