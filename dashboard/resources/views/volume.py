"""One volume: how full it is, who uses it, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard import quantities
from dashboard.frame import answer
from dashboard.resources.preflight import soon
from dashboard.resources.volume_users import sandboxes_of, templates_of
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Volume

_UNITS = (("Ti", 4), ("Gi", 3), ("Mi", 2), ("Ki", 1), ("", 0))
GROWTH = ("volume.growing", "volume.grown", "volume.grow_failed")


@require("volume.view")
async def volume(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Show a volume; the part that changes by itself when htmx asks."""
    found = await attempt(client_for(access.team, access.user).get_volume(name, include="usage"))
    if isinstance(found, Problem):
        context: dict[str, Any] = {"section": "volumes", "problem": found}
        return await answer(request, access, "resources/problem.html", context, status=found.status)
    context = {
        "section": "volumes",
        "volume": found,
        "size": _told(found.size),
        "wanted": _told(found.wanted_size) if found.wanted_size else "",
        "share": _share(found),
        "growth_failed": await _failed_growth(access, found),
        "templates": templates_of(access, found),
        "sandboxes": sandboxes_of(access, found),
        "larger": larger(found.size),
        "mount_values": {"name": "with-data", "image": "host", "mounts": [(found.name, "/data")]},
    }
    return await answer(request, access, "resources/volume.html", context, fragment="resources/_volume.html")


def larger(size: str) -> str:
    """Twice as much, as an example of growing."""
    try:
        double = 2 * quantities.parse_bytes(size)
    except quantities.QuantityError:
        return "2Gi"
    unit, scale = next((unit, 1024**power) for unit, power in _UNITS if double % 1024**power == 0)
    return f"{double // scale}{unit}"


def _told(size: str) -> str:
    """A quantity for a person; as it is where it is none."""
    try:
        return quantities.tell_bytes(quantities.parse_bytes(size))
    except quantities.QuantityError:
        return size


def _share(volume: Volume) -> float | None:
    """Percent of what its files can take that they take."""
    if volume.used_bytes is None or not volume.usable_bytes:
        return None
    return round(min(100.0, 100 * volume.used_bytes / volume.usable_bytes), 1)


async def _failed_growth(access: Access, volume: Volume) -> str:
    """Why it has not grown, where the last attempt failed; empty where it did not, or nobody tells."""
    if volume.wanted_size or volume.status != "ready" or not volume.id:
        return ""
    client = client_for(access.team, access.user)
    events = await soon(attempt(client.list_events(subject=volume.id, types=GROWTH, newest_first=True, limit=1)))
    if events is None or isinstance(events, Problem) or not events or events[0].type != "volume.grow_failed":
        return ""
    return str((events[0].data or {}).get("message") or "the server gave no reason")
