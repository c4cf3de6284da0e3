"""Every write about templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore.models import Template


async def create_template(*, access: Access, name: str, image: str, cpu: str, memory: str) -> Template:
    """Make a template."""
    client = client_for(access.team, access.user)
    template = await client.create_template(name=name, image=image, cpu=cpu, memory=memory)
    await note(access, "template.created", template.name, image=image, cpu=cpu, memory=memory)
    return template


async def delete_template(*, access: Access, name: str) -> None:
    """Delete a template that nothing uses."""
    await client_for(access.team, access.user).delete_template(name)
    await note(access, "template.deleted", name)
