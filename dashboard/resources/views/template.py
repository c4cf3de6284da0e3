"""What a template is, and who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.frame import answer
from dashboard.resources.template_users import linked
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.teams.server import server_state

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore.models import Template


@require("template.view")
async def template(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Image, resources, mounts, and what uses it."""
    found = await attempt(client_for(access.team, access.user).get_template(name, include="usage"))
    context: dict[str, Any] = {"section": "templates"}
    if isinstance(found, Problem):
        return await answer(
            request, access, "resources/problem.html", context | {"problem": found}, status=found.status
        )
    context |= {"template": found, "image_state": await _image_state(access, found), **_links(access, found)}
    return await answer(request, access, "resources/template.html", context, fragment="resources/_template.html")


async def _image_state(access: Access, template: Template) -> str:
    """``present``, ``absent`` or ``unknown``: what the server says of the template's image."""
    capabilities = (await server_state(access.team, access.user)).capabilities
    if capabilities is None or not capabilities.images:
        return "unknown"
    return "present" if template.image in capabilities.images else "absent"


def _links(access: Access, template: Template) -> dict[str, Any]:
    """Mounts and users, each with the address of its page."""
    mounts = template.volume_mounts
    volumes = linked(access, "volume", [mount.volume_name for mount in mounts])
    users = template.used_by
    return {
        "mounts": [(mount, href) for mount, (_, href) in zip(mounts, volumes, strict=True)],
        "sandboxes": linked(access, "sandbox", users.sandbox_names) if users else [],
        "pools": linked(access, "pool", users.pool_names) if users else [],
        "values": {
            "name": template.name,
            "image": template.image,
            "cpu": template.resources.cpu,
            "memory": template.resources.memory,
            "storage": template.resources.storage or "",
            "mounts": [(mount.volume_name, mount.mount_path) for mount in mounts],
        },
    }
