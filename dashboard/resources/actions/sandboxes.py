"""Every write about sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


async def create_sandbox(
    *, access: Access, template_name: str, name: str | None, ttl_seconds: int, idle_ttl_seconds: int
) -> AsyncSandbox:
    """Ask for a sandbox and return without waiting until it is ready. A TTL of 0 seconds is none."""
    sandbox = await client_for(access.team, access.user).create_sandbox(
        template_name=template_name,
        name=name,
        wait_for_ready=False,
        ttl_seconds=ttl_seconds,
        idle_ttl_seconds=idle_ttl_seconds,
    )
    await note(access, "sandbox.created", sandbox.name, template=template_name)
    return sandbox


async def rename_sandbox(*, access: Access, name: str, new_name: str) -> AsyncSandbox:
    """Give a sandbox another name."""
    sandbox = await client_for(access.team, access.user).update_sandbox(name, new_name=new_name)
    await note(access, "sandbox.updated", new_name, renamed_from=name)
    return sandbox


async def delete_sandbox(*, access: Access, name: str, known_as: str | None = None) -> None:
    """End a sandbox and everything in it; ``known_as`` is its name where ``name`` is its identifier."""
    await client_for(access.team, access.user).delete_sandbox(name)
    await note(access, "sandbox.deleted", known_as or name)


async def change_lifetimes(
    *, access: Access, name: str, ttl_seconds: int | None = None, idle_ttl_seconds: int | None = None
) -> AsyncSandbox:
    """Give a sandbox other lifetimes, in seconds; 0 is none, None leaves it as it is."""
    sandbox = await client_for(access.team, access.user).update_sandbox(
        name, ttl_seconds=ttl_seconds, idle_ttl_seconds=idle_ttl_seconds
    )
    changed = {"ttl_seconds": ttl_seconds, "idle_ttl_seconds": idle_ttl_seconds}
    await note(
        access,
        "sandbox.updated",
        sandbox.name,
        **{field: value for field, value in changed.items() if value is not None},
    )
    return sandbox
