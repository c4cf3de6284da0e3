"""Every write about templates and sandboxes: one call of the API as the person, one row in the activity.

All raise ``SandboxClientError`` where the API refuses; then nothing is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.audit.record import arecord
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox
    from sandboxcore.models import Template


async def create_template(*, access: Access, name: str, image: str, cpu: str, memory: str) -> Template:
    """Make a template."""
    client = client_for(access.team, access.user)
    template = await client.create_template(name=name, image=image, cpu=cpu, memory=memory)
    await _note(access, "template.created", template.name, image=image, cpu=cpu, memory=memory)
    return template


async def delete_template(*, access: Access, name: str) -> None:
    """Delete a template that nothing uses."""
    await client_for(access.team, access.user).delete_template(name)
    await _note(access, "template.deleted", name)


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
    await _note(access, "sandbox.created", sandbox.name, template=template_name)
    return sandbox


async def rename_sandbox(*, access: Access, name: str, new_name: str) -> AsyncSandbox:
    """Give a sandbox another name."""
    sandbox = await client_for(access.team, access.user).update_sandbox(name, new_name=new_name)
    await _note(access, "sandbox.updated", new_name, renamed_from=name)
    return sandbox


async def delete_sandbox(*, access: Access, name: str) -> None:
    """End a sandbox and everything in it."""
    await client_for(access.team, access.user).delete_sandbox(name)
    await _note(access, "sandbox.deleted", name)


async def _note(access: Access, action: str, target: str, **detail: object) -> None:
    await arecord(actor=access.user, team=access.team, action=action, target=target, detail=detail)
