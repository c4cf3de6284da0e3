"""Every write about volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore.models import Volume


async def create_volume(*, access: Access, name: str, size: str) -> Volume:
    """Ask for a volume and return without waiting until it is ready."""
    volume = await client_for(access.team, access.user).create_volume(name, size, wait_for_ready=False)
    await note(access, "volume.created", volume.name, size=size)
    return volume


async def grow_volume(*, access: Access, name: str, size: str) -> Volume:
    """Let a volume begin to grow; what can be refused at once is."""
    volume = await client_for(access.team, access.user).grow_volume(name, size)
    await note(access, "volume.grown", volume.name, size=size)
    return volume


async def rename_volume(*, access: Access, name: str, new_name: str) -> Volume:
    """Give a volume another name."""
    volume = await client_for(access.team, access.user).update_volume(name, new_name=new_name)
    await note(access, "volume.renamed", new_name, renamed_from=name)
    return volume


async def delete_volume(*, access: Access, name: str, known_as: str | None = None) -> None:
    """Delete a volume that no template mounts, with all it holds; ``known_as`` is its name where ``name`` is its id."""
    await client_for(access.team, access.user).delete_volume(name)
    await note(access, "volume.deleted", known_as or name)
