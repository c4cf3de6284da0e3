"""The list of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.html import format_html

from dashboard.lists import cells
from dashboard.lists.spec import BulkAction, Column, Empty, Filter, Link, ListSpec, Rows, fixed
from dashboard.resources import snippets
from dashboard.resources.actions import volumes as actions
from dashboard.resources.listing import is_addressable
from dashboard.resources.lists import choices
from dashboard.teams.api import client_for
from sandboxcore import ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access
    from sandboxcore.models import Volume

USE = (("true", "Mounted by a template"), ("false", "Not mounted"))


async def _fetch(access: Access, query: Query) -> Rows[Volume]:
    client = client_for(access.team, access.user)
    found = await client.list_volumes(limit=query.size, offset=query.offset, **_asked(query))
    return Rows(found, found.total)


def _walk(access: Access, query: Query) -> AsyncIterator[Volume]:
    return client_for(access.team, access.user).iter_volumes(page_size=500, **_asked(query))


def _asked(query: Query) -> dict[str, Any]:
    in_use = query.filters.get("in_use", ())
    return {
        "sort": query.sort,
        "q": query.q or None,
        "status": query.values("status"),
        "created_by": query.values("created_by"),
        "in_use": in_use[0] == "true" if in_use else None,
        "include": "usage",
    }


def _page(name: str, access: Access, volume: Volume) -> str:
    return reverse(name, kwargs={"team": access.team.slug, "name": volume.name})


def _href(access: Access, volume: Volume) -> str | None:
    return _page("volume", access, volume) if is_addressable(volume.name) else None


def _actions(access: Access, volume: Volume) -> Sequence[Link]:
    if not is_addressable(volume.name):
        return ()
    links = []
    if access.can("volume.update") and volume.status == "ready":
        links.append(Link("Grow", "arrows-maximize", _page("volume_grow", access, volume), dialog=True))
    if access.can("volume.delete"):
        links.append(Link("Delete", "trash", _page("volume_delete", access, volume), dialog=True))
    return links


async def _delete(access: Access, key: str, choice: str) -> str:
    try:
        found = await client_for(access.team, access.user).get_volume(key)
        await actions.delete_volume(access=access, name=key, known_as=found.name)
    except ResourceNotFoundError:
        return "It was gone already."
    return ""


def _name(name: str, volume: Volume, access: Access) -> str:
    """The name, and under it why the volume could not be made."""
    if volume.status != "failed":
        return cells.text(name)
    why = volume.status_message or "The server gave no reason."
    return format_html(
        '{}<span class="d-block text-danger small fw-normal">{}</span>', cells.text(name), cells.text(why)
    )


def _state(status: str, volume: Volume, access: Access) -> str:
    return cells.badge("growing", "blue", moving=True) if volume.wanted_size else cells.state(status)


def _size(size: str, volume: Volume, access: Access) -> str:
    if not volume.wanted_size:
        return format_html('<span class="text-nowrap">{}</span>', size)
    return format_html('<span class="text-nowrap">{} → {}</span>', size, volume.wanted_size)


def _used(used: int | None, volume: Volume, access: Access) -> str:
    return cells.meter(used, volume.usable_bytes, cells.size(used), "Used")


def _templates(count: int | None, volume: Volume, access: Access) -> str:
    """The template where one mounts it, else how many."""
    if count == 1 and volume.used_by and volume.used_by.templates:
        return cells.text(volume.used_by.templates[0])
    return f"{count} templates" if count else cells.NOTHING


VOLUMES: ListSpec[Volume] = ListSpec(
    name="volume_list",
    section="volumes",
    permission="volume.view",
    title="Volumes",
    noun=("volume", "volumes"),
    sort="-created_at",
    search="Name, maker",
    live="volume template sandbox",
    columns=(
        Column("name", "Name", lambda volume: volume.name, _name, sort="name", main=True),
        Column("status", "State", lambda volume: volume.status, _state, sort="status"),
        Column("size", "Size", lambda volume: volume.size, _size, sort="size", descending=True, end=True),
        Column("used_bytes", "Used", lambda volume: volume.used_bytes, _used),
        Column(
            "templates",
            "Mounted by",
            lambda volume: volume.used_by.template_count if volume.used_by else None,
            _templates,
        ),
        Column(
            "sandboxes",
            "Sandboxes",
            lambda volume: volume.used_by.sandboxes if volume.used_by else None,
            cells.number,
            end=True,
        ),
        Column("created_by", "Created by", lambda volume: volume.created_by, sort="created_by", minor=True),
        Column(
            "created_at",
            "Age",
            lambda volume: volume.created_at,
            cells.moment,
            sort="created_at",
            descending=True,
            minor=True,
        ),
    ),
    filters=(
        Filter("status", "State", fixed("ready", "provisioning", "failed")),
        Filter("in_use", "Use", fixed(*USE), many=False, closed=True),
        Filter("created_by", "Created by", choices.people),
    ),
    bulk=(
        BulkAction(
            "delete",
            "Delete",
            "trash",
            "volume.delete",
            "deleted",
            "All that is on them is lost, and this cannot be undone. Those that a template mounts stay.",
            _delete,
            danger=True,
        ),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda volume: volume.id or volume.name,
    label=lambda volume: volume.name,
    href=_href,
    actions=_actions,
    create=lambda access: (
        Link("New volume", "plus", reverse("volume_new", kwargs={"team": access.team.slug}))
        if access.can("volume.create")
        else None
    ),
    empty=Empty(
        "database",
        "No volumes yet",
        "A volume is storage that outlives sandboxes: templates mount it, and their sandboxes share what is on it. "
        "Make one here, or from a program:",
        lambda access: snippets.copies(access.team, "volume.create")[0].code,
    ),
)
