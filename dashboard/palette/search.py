"""What the palette finds: pages and actions by their words, resources by asking the API, members by the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from dashboard.resources.listing import is_addressable
from dashboard.sections import ACTIONS, SECTIONS, Place, places
from dashboard.teams.api import client_for
from dashboard.teams.models import Membership
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from dashboard.teams.access import Access

EACH = 5
WITHIN = 1.5
"""Seconds that each question to the API may take."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette."""

    label: str
    href: str
    icon: str
    note: str = ""
    keys: str = ""


@dataclass(slots=True)
class Group:
    """Lines of one kind; ``problem`` is why some are missing."""

    title: str
    entries: list[Entry] = field(default_factory=list)
    problem: str = ""


async def find(access: Access, query: str) -> list[Group]:
    """Every group that has something for ``query``, or a problem to tell. Never raises for a server that fails."""
    known = [
        Group("Pages", _places(access, SECTIONS, query)),
        Group("Actions", _places(access, ACTIONS, query)),
    ]
    if not query:
        return [group for group in known if group.entries]
    client = client_for(access.team, access.user)
    asked: dict[str, Any] = {"q": query, "limit": EACH}
    found = await asyncio.gather(
        _group(access, "Sandboxes", "sandbox", lambda: client.list_sandboxes(**asked), _sandbox),
        _group(access, "Templates", "template", lambda: client.list_templates(**asked), _template),
        _group(access, "Volumes", "volume", lambda: client.list_volumes(**asked), _volume),
        _group(access, "Pools", "pool", lambda: client.list_pools(**asked), _pool),
        _members(access, query),
    )
    return [group for group in (*found, *known) if group.entries or group.problem]


def _places(access: Access, chosen: tuple[Place, ...], query: str) -> list[Entry]:
    words = query.lower().split()
    return [
        Entry(place.label, href, place.icon, keys=place.keys)
        for place, href in places(access, chosen)
        if all(word in f"{place.label} {place.words}".lower() for word in words)
    ]


async def _group(
    access: Access,
    title: str,
    page: str,
    call: Callable[[], Awaitable[Iterable[Any]]],
    tell: Callable[[Access, Any], Entry | None],
) -> Group:
    if not _address(access, page, "x") or not access.can(f"{page}.view"):
        return Group(title)
    try:
        found = await asyncio.wait_for(attempt(call()), WITHIN)
    except TimeoutError:
        return Group(title, problem="The sandbox server did not answer in time.")
    if isinstance(found, Problem):
        return Group(title, problem=found.message)
    entries = (tell(access, each) for each in found)
    return Group(title, [entry for entry in entries if entry][:EACH])


def _address(access: Access, page: str, name: str) -> str:
    """The thing's page; empty where there is none, or its name fits into no address."""
    try:
        return reverse(page, kwargs={"team": access.team.slug, "name": name}) if is_addressable(name) else ""
    except NoReverseMatch:
        return ""


def _sandbox(access: Access, each: Any) -> Entry | None:
    href = _address(access, "sandbox", each.name)
    return Entry(each.name, href, "box", f"{each.status} · {each.template_name}") if href else None


def _template(access: Access, each: Any) -> Entry | None:
    href = _address(access, "template", each.name)
    return Entry(each.name, href, "template", each.image) if href else None


def _volume(access: Access, each: Any) -> Entry | None:
    href = _address(access, "volume", each.name)
    return Entry(each.name, href, "database", each.size) if href else None


def _pool(access: Access, each: Any) -> Entry | None:
    href = _address(access, "pool", each.name)
    return Entry(each.name, href, "stack-2", f"{each.replicas} of {each.template_name}") if href else None


async def _members(access: Access, query: str) -> Group:
    if not access.can("member.view"):
        return Group("Members")
    like = Q(user__username__icontains=query) | Q(user__email__icontains=query)
    found = Membership.objects.select_related("user").filter(like, team=access.team)[:EACH]
    href = reverse("team", kwargs={"team": access.team.slug})
    return Group(
        "Members",
        [Entry(each.user.get_username(), href, "user", each.get_role_display()) async for each in found],
    )
