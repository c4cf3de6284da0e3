"""What uses a template: its sandboxes and its pools, named as far as is sensible."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse

from dashboard.confirm import Users
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.teams.access import Access

NAMED = 20


async def template_users(access: Access, name: str) -> list[Users]:
    """Those who use the template, none where nobody does or the API cannot say."""
    client = client_for(access.team, access.user)
    sandboxes, pools = await asyncio.gather(
        attempt(client.list_sandboxes(template=name, limit=NAMED)),
        attempt(client.list_pools(template=name, limit=NAMED)),
    )
    found = []
    if not isinstance(sandboxes, Problem) and sandboxes:
        names = [each.name for each in sandboxes]
        found.append(Users("Sandboxes that use it", linked(access, "sandbox", names), sandboxes.total or len(names)))
    if not isinstance(pools, Problem) and pools:
        names = [each.name for each in pools]
        found.append(Users("Pools that use it", linked(access, "pool", names), pools.total or len(names)))
    return found


def linked(access: Access, page: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Each name with the address of its page; without one where its name fits into no address."""
    found = []
    for name in names:
        try:
            found.append((name, reverse(page, kwargs={"team": access.team.slug, "name": name})))
        except NoReverseMatch:
            found.append((name, ""))
    return found
