"""What the filters of several lists offer to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.lists.spec import Choice
from dashboard.teams.api import client_for
from dashboard.teams.models import Membership

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.teams.access import Access

MOST = 200
"""More are not offered; the address may still name them."""


async def templates(access: Access) -> Sequence[Choice]:
    """The templates, by name."""
    found = await client_for(access.team, access.user).list_templates(limit=MOST, sort="name")
    return [Choice(each.name, each.name) for each in found]


async def pools(access: Access) -> Sequence[Choice]:
    """The pools, by name."""
    found = await client_for(access.team, access.user).list_pools(limit=MOST, sort="name")
    return [Choice(each.name, each.name) for each in found]


async def people(access: Access) -> Sequence[Choice]:
    """The team's members; keys of programs make things too, and have names that only the server knows."""
    names = Membership.objects.filter(team=access.team).values_list("user__username", flat=True)[:MOST]
    return [Choice(name, name) async for name in names]
