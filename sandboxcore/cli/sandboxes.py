"""``list``, ``create``, ``delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandboxcore import ExtensionUnsupportedError, SandboxClientError
from sandboxcore.cli.codes import FAILED
from sandboxcore.cli.printing import as_json, complain, line, table

if TYPE_CHECKING:
    import argparse

    from sandboxcore import AsyncSandbox, AsyncSandboxClient

Below = Any
"""What ``add_subparsers`` returns; argparse does not name its type."""


def add(below: Below) -> None:
    """Add the commands about sandboxes."""
    listing = below.add_parser("list", help="sandboxes of the workspace")
    listing.add_argument("-q", metavar="TEXT", help="a part of the name")
    listing.add_argument("--status", choices=("ready", "provisioning", "failed"))
    listing.add_argument("--template", metavar="NAME")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (1-1000, default 100)")
    listing.add_argument("--json", action="store_true", help="all that the server tells, as JSON")
    listing.set_defaults(work=list_sandboxes)

    create = below.add_parser("create", help="make a sandbox of a template, wait until it is ready, print its name")
    create.add_argument("template")
    create.add_argument("--name", help="else one is made up")
    create.add_argument("--ttl", type=int, metavar="SECONDS", help="lifetime, whole minutes; 0: until it is deleted")
    create.add_argument(
        "--idle-ttl", type=int, metavar="SECONDS", help="deleted after so long without activity; 0: never"
    )
    create.add_argument("--timeout", type=int, default=120, metavar="SECONDS", help="most time to wait (default 120)")
    create.add_argument("--no-wait", action="store_true", help="return at once")
    create.add_argument("--json", action="store_true")
    create.set_defaults(work=create_sandbox)

    delete = below.add_parser("delete", help="delete sandboxes, with all that runs in them and all their files")
    delete.add_argument("name", nargs="+")
    delete.set_defaults(work=delete_sandboxes)


async def list_sandboxes(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """A page of sandboxes, the newest first."""
    chosen = {"q": asked.q, "status": asked.status, "template": asked.template}
    found: list[AsyncSandbox]
    try:
        found = await client.list_sandboxes(limit=asked.limit, sort="-created_at", **chosen)
    except ExtensionUnsupportedError:
        if any(chosen.values()):
            raise
        found = (await client.list_sandboxes())[: asked.limit]
    if asked.json:
        as_json(found)
    else:
        rows = [
            (box.name, box.status, box.template_name, box.created_by, box.created_at, box.expires_at) for box in found
        ]
        table(("NAME", "STATUS", "TEMPLATE", "CREATED BY", "CREATED", "STOPS"), rows)
    return 0


async def create_sandbox(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Make a sandbox."""
    box = await client.create_sandbox(
        asked.template,
        name=asked.name,
        timeout=asked.timeout,
        wait_for_ready=not asked.no_wait,
        ttl_seconds=asked.ttl,
        idle_ttl_seconds=asked.idle_ttl,
    )
    if asked.json:
        as_json(box)
    else:
        line(box.name)
    return 0


async def delete_sandboxes(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Delete each; one that cannot be deleted does not keep the others."""
    failed = False
    for name in asked.name:
        try:
            await client.delete_sandbox(name)
        except SandboxClientError as error:
            if len(asked.name) == 1:
                raise
            complain(f"{name}: {error}")
            failed = True
    return FAILED if failed else 0
