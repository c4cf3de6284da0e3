"""The list of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.html import format_html

from dashboard.lists import cells
from dashboard.lists.spec import BulkAction, Column, Empty, Filter, Link, ListSpec, Rows
from dashboard.quantities import QuantityError, parse_bytes, parse_cpu, tell_bytes, tell_cpu
from dashboard.resources import snippets
from dashboard.resources.actions import templates as actions
from dashboard.resources.listing import is_addressable
from dashboard.resources.lists import choices
from dashboard.teams.api import client_for
from dashboard.teams.server import known_state, server_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access
    from sandboxcore.models import Template


async def _fetch(access: Access, query: Query) -> Rows[Template]:
    # The empty list's program names an image that the server has.
    await server_state(access.team, access.user)
    client = client_for(access.team, access.user)
    found = await client.list_templates(limit=query.size, offset=query.offset, include="usage", **_asked(query))
    return Rows(found, found.total)


def _walk(access: Access, query: Query) -> AsyncIterator[Template]:
    return client_for(access.team, access.user).iter_templates(page_size=500, include="usage", **_asked(query))


def _asked(query: Query) -> dict[str, Any]:
    named = {name: query.values(name) or None for name in ("volume", "created_by")}
    return {"sort": query.sort, "q": query.q or None, **named}


def _page(name: str, access: Access, template: Template) -> str:
    return reverse(name, kwargs={"team": access.team.slug, "name": template.name})


def _href(access: Access, template: Template) -> str | None:
    return _page("template", access, template) if is_addressable(template.name) else None


def _actions(access: Access, template: Template) -> Sequence[Link]:
    if not is_addressable(template.name):
        return ()
    links = []
    if access.can("sandbox.create"):
        new = reverse("sandbox_new", kwargs={"team": access.team.slug})
        links.append(Link("New sandbox", "player-play", f"{new}?template={template.name}"))
    if access.can("template.delete"):
        links.append(Link("Delete", "trash", _page("template_delete", access, template), dialog=True))
    return links


async def _delete(access: Access, key: str, choice: str) -> str:
    await actions.delete_template(access=access, name=key)
    return ""


def _amount(parse: Callable[[str], int], tell: Callable[[int], str]) -> Callable[[Any, Template, Access], str]:
    """An amount for a person; what is no quantity stands as the server sent it."""

    def show(value: Any, template: Template, access: Access) -> str:
        try:
            return format_html('<span class="text-nowrap" title="{}">{}</span>', value, tell(parse(str(value))))
        except QuantityError:
            return cells.text(value)

    return show


def _users(page: str) -> Callable[[Any, Template, Access], str]:
    """How many use it, leading to them."""

    def show(value: Any, template: Template, access: Access) -> str:
        if not value:
            return cells.number(value)
        href = reverse(page, kwargs={"team": access.team.slug})
        return format_html('<a href="{}?template={}">{}</a>', href, template.name, cells.number(value))

    return show


TEMPLATES: ListSpec[Template] = ListSpec(
    name="template_list",
    section="templates",
    permission="template.view",
    title="Templates",
    noun=("template", "templates"),
    sort="name",
    search="Name, image",
    live="template sandbox pool",
    columns=(
        Column("name", "Name", lambda each: each.name, sort="name", main=True),
        Column("image", "Image", lambda each: each.image, cells.code, sort="image"),
        Column("cpu", "CPU", lambda each: each.resources.cpu, _amount(parse_cpu, tell_cpu), end=True),
        Column("memory", "Memory", lambda each: each.resources.memory, _amount(parse_bytes, tell_bytes), end=True),
        Column("mounts", "Volumes", lambda each: len(each.volume_mounts), cells.number, end=True, minor=True),
        Column(
            "sandboxes",
            "Sandboxes",
            lambda each: each.used_by.sandboxes if each.used_by else None,
            _users("sandbox_list"),
            sort="sandboxes",
            descending=True,
            end=True,
        ),
        Column("pools", "Pools", lambda each: each.used_by.pools if each.used_by else None, cells.number, end=True),
        Column("created_by", "Created by", lambda each: each.created_by, sort="created_by", minor=True),
        Column(
            "created_at",
            "Created",
            lambda each: each.created_at,
            cells.moment,
            sort="created_at",
            descending=True,
            minor=True,
        ),
    ),
    filters=(Filter("created_by", "Created by", choices.people),),
    bulk=(
        BulkAction(
            "delete",
            "Delete",
            "trash",
            "template.delete",
            "deleted",
            "No sandbox can be made from them any more. One that sandboxes or pools use stays.",
            _delete,
            danger=True,
        ),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda each: each.name,
    label=lambda each: each.name,
    href=_href,
    actions=_actions,
    create=lambda access: (
        Link("New template", "plus", reverse("template_new", kwargs={"team": access.team.slug}))
        if access.can("template.create")
        else None
    ),
    empty=Empty(
        "template",
        "No templates yet",
        "A template says which image a sandbox starts from and how much processor and memory it may use. "
        "Make the first one here, or from a program:",
        lambda access: snippets.make_template(access.team, known_state(access.team).capabilities),
    ),
)
