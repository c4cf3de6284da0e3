"""Every write about templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.teams.api import client_for
from sandboxcore.models import VolumeMountSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.teams.access import Access
    from sandboxcore.models import Template


async def create_template(
    *,
    access: Access,
    name: str,
    image: str,
    cpu: str,
    memory: str,
    storage: str = "",
    mounts: Sequence[tuple[str, str]] = (),
) -> Template:
    """Make a template. ``mounts`` are pairs of volume and path; without ``storage`` the server's own measure holds."""
    template = await client_for(access.team, access.user).create_template(
        name=name,
        image=image,
        cpu=cpu,
        memory=memory,
        storage=storage or None,
        volume_mounts=[VolumeMountSpec(volume, path) for volume, path in mounts],
    )
    given = {"storage": storage, "mounts": [list(mount) for mount in mounts]}
    detail = {key: value for key, value in given.items() if value}
    await note(access, "template.created", template.name, image=image, cpu=cpu, memory=memory, **detail)
    return template


async def rename_template(*, access: Access, name: str, new_name: str) -> Template:
    """Give a template another name; what uses it goes on using it."""
    template = await client_for(access.team, access.user).update_template(name, new_name=new_name)
    await note(access, "template.updated", template.name, renamed_from=name)
    return template


async def delete_template(*, access: Access, name: str) -> None:
    """Delete a template that nothing uses."""
    await client_for(access.team, access.user).delete_template(name)
    await note(access, "template.deleted", name)
