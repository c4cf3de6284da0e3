"""The list of sandboxes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.urls import reverse
from django.utils.html import format_html

from dashboard.lists import cells
from dashboard.lists.spec import BulkAction, Choice, Column, Empty, Filter, Link, ListSpec, Rows, fixed
from dashboard.resources import snippets
from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.lifetimes import end_of_idleness, end_of_lifetime, moment
from dashboard.resources.listing import is_addressable
from dashboard.resources.lists import choices
from dashboard.resources.lists.history import VIEWS
from dashboard.teams.api import client_for
from sandboxcore import ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access
    from sandboxcore.models import SandboxRecord


NO_END = "0"
N = TypeVar("N", int, float)


async def _fetch(access: Access, query: Query) -> Rows[SandboxRecord]:
    client = client_for(access.team, access.user)
    found = await client.list_sandboxes(limit=query.size, offset=query.offset, **_asked(query))
    return Rows(found, found.total)


def _walk(access: Access, query: Query) -> AsyncIterator[SandboxRecord]:
    return client_for(access.team, access.user).iter_sandboxes(page_size=500, **_asked(query))


def _asked(query: Query) -> dict[str, Any]:
    named = {name: query.values(name) for name in ("status", "template", "pool", "created_by")}
    return {"sort": query.sort, "q": query.q or None, "include": "usage", **named}


def _page(name: str, access: Access, sandbox: SandboxRecord) -> str:
    return reverse(name, kwargs={"team": access.team.slug, "name": sandbox.name})


def _href(access: Access, sandbox: SandboxRecord) -> str | None:
    return _page("sandbox", access, sandbox) if is_addressable(sandbox.name) else None


def _actions(access: Access, sandbox: SandboxRecord) -> Sequence[Link]:
    if not is_addressable(sandbox.name):
        return ()
    links = [Link("Terminal", "terminal-2", _page("terminal", access, sandbox))] if sandbox.status == "ready" else []
    if access.can("sandbox.delete"):
        links.append(Link("Delete", "trash", _page("sandbox_delete", access, sandbox), dialog=True))
    return links


async def _delete(access: Access, key: str, choice: str) -> str:
    try:
        found = await client_for(access.team, access.user).get_sandbox(key)
        await actions.delete_sandbox(access=access, name=key, known_as=found.name)
    except ResourceNotFoundError:
        return "It was gone already."
    return ""


async def _extend(access: Access, key: str, choice: str) -> str:
    """Put the end of its lifetime off, so that it lies as far ahead as chosen; never bring it nearer."""
    found = await client_for(access.team, access.user).get_sandbox(key)
    end, born = end_of_lifetime(found), moment(found.created_at)
    if end is None or born is None:
        return "It has no end."
    if choice == NO_END:
        await actions.change_lifetimes(access=access, name=key, ttl_seconds=0)
        return ""
    wanted = datetime.now(UTC) + timedelta(seconds=int(choice))
    if wanted <= end:
        return "It lives longer anyway."
    # The server takes whole minutes.
    minutes = -(-(wanted - born).total_seconds() // 60)
    await actions.change_lifetimes(access=access, name=key, ttl_seconds=int(minutes) * 60)
    return ""


def _failure(sandbox: SandboxRecord) -> str:
    """What made the sandbox fail."""
    if sandbox.status != "failed":
        return ""
    why = sandbox.status_message or "The server gave no reason."
    return format_html('<span class="d-block text-danger small fw-normal">{}</span>', cells.text(why))


def _stop(sandbox: SandboxRecord) -> datetime | None:
    """When it stops if nothing happens in it until then."""
    ends = [end for end in (end_of_lifetime(sandbox), end_of_idleness(sandbox)) if end]
    return min(ends, default=None)


def _stops(at: datetime | None, sandbox: SandboxRecord, access: Access) -> str:
    """When it will stop and why, or that nothing stops it."""
    if at is None:
        return format_html('<span class="text-secondary">{}</span>', "never")
    why = "lifetime" if at == end_of_lifetime(sandbox) else "if idle"
    return format_html("{}{}", cells.moment(at), cells.note(why))


def _cpu_now(sandbox: SandboxRecord) -> float | None:
    """Cores in use when it was last measured."""
    used = sandbox.usage.cpu_millis if sandbox.usage else None
    return None if used is None else used / 1000


def _cpu(used: float | None, sandbox: SandboxRecord, access: Access) -> str:
    """Cores in use of those that it may use."""
    limit = sandbox.resources.cpu_millis / 1000 if sandbox.resources else None
    return cells.meter(used, limit, _of(used, limit, _cores), "CPU")


def _cores(cores: float) -> str:
    """So many as tell something: ``0.05``, ``2``."""
    return f"{cores:.2f}".rstrip("0").rstrip(".")


def _memory_now(sandbox: SandboxRecord) -> int | None:
    """Bytes of memory in use when it was last measured."""
    return sandbox.usage.memory_bytes if sandbox.usage else None


def _memory(used: int | None, sandbox: SandboxRecord, access: Access) -> str:
    """Memory in use of what it may use."""
    limit = sandbox.resources.memory_bytes if sandbox.resources else None
    return cells.meter(used, limit, _of(used, limit, cells.size), "Memory")


def _of(used: N | None, limit: N | None, tell: Callable[[N], str]) -> str:
    if used is None:
        return ""
    told = _whole(tell(used))
    return f"{told} of\u00a0{_whole(tell(limit))}" if limit else told


def _whole(amount: str) -> str:
    """The amount in one line with its unit."""
    return amount.replace(" ", "\u00a0")


def _template(name: str, sandbox: SandboxRecord, access: Access) -> str:
    """The template, and how the sandbox started: taken warm from a pool, or made when it was asked for."""
    if not sandbox.pool_name:
        return format_html("{}{}", cells.text(name), cells.note("cold start"))
    return format_html("{}{}", cells.text(name), cells.note(format_html("pool {}", cells.text(sandbox.pool_name))))


def _created(at: str | None, sandbox: SandboxRecord, access: Access) -> str:
    """When it was made, and by whom."""
    by = format_html("by {}", cells.text(sandbox.created_by)) if sandbox.created_by else ""
    return format_html("{}{}", cells.moment(at), cells.note(by))


SANDBOXES: ListSpec[SandboxRecord] = ListSpec(
    name="sandbox_list",
    section="sandboxes",
    permission="sandbox.view",
    title="Sandboxes",
    noun=("sandbox", "sandboxes"),
    sort="-created_at",
    search="Name, template, maker",
    live="sandbox",
    # What a sandbox uses is no event.
    every=15_000,
    views=VIEWS,
    columns=(
        Column("name", "Name", lambda box: box.name, sort="name", main=True, below=_failure),
        Column("status", "State", lambda box: box.status, cells.state, sort="status"),
        Column("template", "Template", lambda box: box.template_name, _template, sort="template_name"),
        Column(
            "created_at",
            "Created",
            lambda box: box.created_at,
            _created,
            sort="created_at",
            descending=True,
            minor=True,
        ),
        Column(
            "last_activity_at",
            "Last activity",
            lambda box: box.last_activity_at,
            cells.moment,
            sort="last_activity_at",
            descending=True,
            minor=True,
        ),
        Column("cpu", "CPU", _cpu_now, _cpu),
        Column("memory", "Memory", _memory_now, _memory),
        Column("stops_at", "Stops", _stop, _stops, sort="expires_at"),
        Column("created_by", "Created by", lambda box: box.created_by, sort="created_by", shown=False),
        Column("pool", "Pool", lambda box: box.pool_name, sort="pool_name", shown=False),
    ),
    filters=(
        Filter("status", "State", fixed("ready", "provisioning", "failed")),
        Filter("template", "Template", choices.templates),
        Filter("pool", "Pool", choices.pools),
        Filter("created_by", "Created by", choices.people),
    ),
    bulk=(
        BulkAction(
            "extend",
            "Extend",
            "clock-plus",
            "sandbox.update",
            "extended",
            "Nothing is lost. A sandbox that has no end, or a later one, stays as it is; stopping when idle does too.",
            _extend,
            choices=(
                Choice("3600", "at least 1 hour from now"),
                Choice("14400", "at least 4 hours from now"),
                Choice("86400", "at least 1 day from now"),
                Choice("604800", "at least 7 days from now"),
                Choice(NO_END, "until deleted"),
            ),
            choices_label="Lifetime",
        ),
        BulkAction(
            "delete",
            "Delete",
            "trash",
            "sandbox.delete",
            "deleted",
            "Every command that runs in them is ended, and every file in them is lost. What is on volumes stays. "
            "This cannot be undone.",
            _delete,
            danger=True,
        ),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda box: box.id or box.name,
    label=lambda box: box.name,
    href=_href,
    actions=_actions,
    create=lambda access: (
        Link("New sandbox", "plus", reverse("sandbox_new", kwargs={"team": access.team.slug}))
        if access.can("sandbox.create")
        else None
    ),
    empty=Empty(
        "box",
        "No sandboxes yet",
        "A sandbox is a place of its own to run code in, thrown away when you are done. "
        "Make one here, or from a program:",
        lambda access: snippets.make_sandbox(access.team),
    ),
)
