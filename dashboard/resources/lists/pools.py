"""The list of pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.html import format_html

from dashboard.lists import cells
from dashboard.lists.spec import BulkAction, Choice, Column, Empty, Filter, Link, ListSpec, Rows
from dashboard.resources import snippets
from dashboard.resources.actions import pools as actions
from dashboard.resources.listing import is_addressable
from dashboard.resources.lists import choices
from dashboard.resources.pool_state import cause_of, pool_badge
from dashboard.teams.api import client_for
from sandboxcore import ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access
    from sandboxcore.models import Pool

SIZES = (0, 1, 2, 5, 10, 20)


async def _fetch(access: Access, query: Query) -> Rows[Pool]:
    client = client_for(access.team, access.user)
    found = await client.list_pools(limit=query.size, offset=query.offset, **_asked(query))
    return Rows(found, found.total)


def _walk(access: Access, query: Query) -> AsyncIterator[Pool]:
    return client_for(access.team, access.user).iter_pools(page_size=500, **_asked(query))


def _asked(query: Query) -> dict[str, Any]:
    named = {name: query.values(name) for name in ("template", "created_by")}
    return {"sort": query.sort, "q": query.q or None, "include": "usage", **named}


def _page(name: str, access: Access, pool: Pool) -> str:
    return reverse(name, kwargs={"team": access.team.slug, "name": pool.name})


def _href(access: Access, pool: Pool) -> str | None:
    return _page("pool", access, pool) if is_addressable(pool.name) else None


def _actions(access: Access, pool: Pool) -> Sequence[Link]:
    if not is_addressable(pool.name):
        return ()
    links = []
    if access.can("pool.update"):
        links.append(Link("Scale", "adjustments", _page("pool_scale", access, pool), dialog=True))
    if access.can("pool.delete"):
        links.append(Link("Delete", "trash", _page("pool_delete", access, pool), dialog=True))
    return links


async def _delete(access: Access, key: str, choice: str) -> str:
    try:
        found = await client_for(access.team, access.user).get_pool(key)
        await actions.delete_pool(access=access, name=key, known_as=found.name)
    except ResourceNotFoundError:
        return "It was gone already."
    return ""


async def _scale(access: Access, key: str, choice: str) -> str:
    await actions.scale_pool(access=access, name=key, replicas=int(choice))
    return ""


def _name(name: str, pool: Pool, access: Access) -> str:
    """The name, and under it why the pool cannot be filled."""
    if not pool.status_message:
        return cells.text(name)
    colour = "warning" if pool.status == "limited" else "danger"
    return format_html(
        '{}<span class="d-block text-{} small fw-normal">{}</span>',
        cells.text(name),
        colour,
        cells.text(cause_of(pool.status_message)),
    )


def _ready(ready: int | None, pool: Pool, access: Access) -> str:
    """Ready of wanted, and a bar that is good when it is full."""
    if not pool.replicas:
        return cells.NOTHING
    return format_html(
        '<span class="list-meter"><span class="text-nowrap">{0} of {1}</span><meter min="0" max="{1}" optimum="{1}" '
        'value="{0}" aria-label="Ready">{0} of {1}</meter></span>',
        ready or 0,
        pool.replicas,
    )


def hit_rate(pool: Pool) -> float | None:
    """The share of creates that found a warm sandbox; None where there was none of late."""
    rate = (pool.stats or {}).get("hit_rate")
    return rate if isinstance(rate, int | float) else None


def _rate(rate: float | None, pool: Pool, access: Access) -> str:
    return cells.NOTHING if rate is None else f"{rate:.0%}"


POOLS: ListSpec[Pool] = ListSpec(
    name="pool_list",
    section="pools",
    permission="pool.view",
    title="Pools",
    noun=("pool", "pools"),
    sort="-created_at",
    search="Name, template, maker",
    live="pool sandbox",
    columns=(
        Column("name", "Name", lambda pool: pool.name, _name, sort="name", main=True),
        Column("status", "State", lambda pool: pool.status, pool_badge),
        Column("template", "Template", lambda pool: pool.template_name, sort="template_name"),
        Column("ready_replicas", "Ready", lambda pool: pool.ready_replicas, _ready, sort="replicas", descending=True),
        Column("hit_rate", "Hit rate, 1 h", hit_rate, _rate, end=True),
        Column("failures", "Failures", lambda pool: pool.failures, cells.number, end=True),
        Column("created_by", "Created by", lambda pool: pool.created_by, sort="created_by", minor=True),
        Column(
            "created_at",
            "Age",
            lambda pool: pool.created_at,
            cells.moment,
            sort="created_at",
            descending=True,
            minor=True,
        ),
    ),
    filters=(
        Filter("template", "Template", choices.templates),
        Filter("created_by", "Created by", choices.people),
    ),
    bulk=(
        BulkAction(
            "scale",
            "Scale",
            "adjustments",
            "pool.update",
            "scaled",
            "Warm sandboxes beyond the new number are ended; nothing is lost with them. 0 pauses a pool.",
            _scale,
            choices=tuple(Choice(str(size), f"{size} warm" if size else "0: paused") for size in SIZES),
            choices_label="Sandboxes to keep warm",
        ),
        BulkAction(
            "delete",
            "Delete",
            "trash",
            "pool.delete",
            "deleted",
            "Their warm sandboxes are ended. Those that somebody has claimed go on.",
            _delete,
            danger=True,
        ),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda pool: pool.id or pool.name,
    label=lambda pool: pool.name,
    href=_href,
    actions=_actions,
    create=lambda access: (
        Link("New pool", "plus", reverse("pool_new", kwargs={"team": access.team.slug}))
        if access.can("pool.create")
        else None
    ),
    empty=Empty(
        "stack-2",
        "No pools yet",
        "A pool keeps sandboxes of a template started, so that a create takes one in milliseconds. "
        "Make one here, or from a program:",
        lambda access: snippets.copies(access.team, "pool.create", template="python")[0].code,
    ),
)
