"""Every write about pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore.models import Pool


async def create_pool(*, access: Access, name: str, template_name: str, replicas: int) -> Pool:
    """Ask for a pool and return without waiting until it is full."""
    client = client_for(access.team, access.user)
    pool = await client.create_pool(name, template_name, replicas, wait_for_ready=False)
    await note(access, "pool.created", pool.name, template=template_name, replicas=replicas)
    return pool


async def scale_pool(*, access: Access, name: str, replicas: int, known_as: str | None = None) -> Pool:
    """Keep another number of sandboxes warm; 0 pauses the pool. ``known_as`` is its name where ``name`` is its id."""
    pool = await client_for(access.team, access.user).update_pool(name, replicas=replicas)
    await note(access, "pool.scaled" if replicas else "pool.paused", known_as or pool.name, replicas=replicas)
    return pool


async def rename_pool(*, access: Access, name: str, new_name: str) -> Pool:
    """Give a pool another name."""
    pool = await client_for(access.team, access.user).update_pool(name, new_name=new_name)
    await note(access, "pool.renamed", new_name, renamed_from=name)
    return pool


async def delete_pool(*, access: Access, name: str, known_as: str | None = None) -> None:
    """Delete a pool and its warm sandboxes; ``known_as`` is its name where ``name`` is its id."""
    await client_for(access.team, access.user).delete_pool(name)
    await note(access, "pool.deleted", known_as or name)
