"""``templates``, ``volumes``, ``pools``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandboxcore.cli.printing import as_json, table

if TYPE_CHECKING:
    import argparse

    from sandboxcore import AsyncSandboxClient


def add(below: Any) -> None:
    """Add a list of each kind."""
    for kind, work in (("templates", list_templates), ("volumes", list_volumes), ("pools", list_pools)):
        listing = below.add_parser(kind, help=f"{kind} of the workspace")
        listing.add_argument("--json", action="store_true", help="all that the server tells, as JSON")
        listing.set_defaults(work=work)


async def list_templates(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Every template."""
    found = await client.list_templates()
    if asked.json:
        as_json(found)
        return 0
    rows = [
        (each.name, each.image, each.resources.cpu, each.resources.memory, each.resources.storage) for each in found
    ]
    table(("NAME", "IMAGE", "CPU", "MEMORY", "STORAGE"), rows)
    return 0


async def list_volumes(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Every volume."""
    found = await client.list_volumes()
    if asked.json:
        as_json(found)
        return 0
    table(("NAME", "SIZE", "STATUS"), [(each.name, each.size, each.status) for each in found])
    return 0


async def list_pools(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Every pool."""
    found = await client.list_pools()
    if asked.json:
        as_json(found)
        return 0
    rows = [(each.name, each.template_name, each.ready_replicas, each.replicas, each.status) for each in found]
    table(("NAME", "TEMPLATE", "READY", "WANTED", "STATUS"), rows)
    return 0
