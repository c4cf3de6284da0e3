"""``tunnel``, ``service``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

from sandboxcore.cli.printing import as_json, line
from sandboxcore.cli.streams import on_signals

if TYPE_CHECKING:
    from sandboxcore import AsyncSandboxClient


def add(below: Any) -> None:
    """Add the commands about ports."""
    tunnel = below.add_parser("tunnel", help="make a port of a sandbox a port of this machine, until Ctrl-C")
    tunnel.add_argument("name", help="the sandbox")
    tunnel.add_argument(
        "port", type=_ports, metavar="PORT[:LOCAL]", help="the port there, and the one of 127.0.0.1 here"
    )
    tunnel.add_argument("--json", action="store_true", help="the ports as one line of JSON")
    tunnel.set_defaults(work=open_tunnel)

    service = below.add_parser("service", help="an address in the browser for what listens in a sandbox")
    service.add_argument("name", help="the sandbox")
    service.add_argument("port", type=int)
    service.add_argument("--expires", type=int, default=600, metavar="SECONDS", help="1-86400, default 600")
    service.add_argument("--json", action="store_true", help="also the address for programs and the token")
    service.set_defaults(work=show_service)


def _ports(text: str) -> tuple[int, int]:
    remote, colon, local = text.partition(":")
    try:
        return int(remote), int(local) if colon else 0
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not PORT or PORT:LOCAL") from None


async def open_tunnel(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Forward a port until SIGINT or SIGTERM."""
    remote, local = asked.port
    sandbox = await client.get_sandbox(asked.name)
    over = asyncio.Event()
    async with await sandbox.tunnel(remote, local_port=local) as tunnel:
        if asked.json:
            as_json({"local_port": tunnel.local_port, "remote_port": tunnel.remote_port})
        else:
            line(f"127.0.0.1:{tunnel.local_port} leads to port {remote} of {sandbox.name}; Ctrl-C ends it")
        sys.stdout.flush()
        with on_signals({signal.SIGINT: over.set, signal.SIGTERM: over.set}):
            await over.wait()
    return 0


async def show_service(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Print the address. Whoever has it may use the service until it expires."""
    service = await client.service(asked.name, asked.port, expires_in_seconds=asked.expires)
    if asked.json:
        as_json(
            {
                "browser_url": await service.get_browser_url(),
                "service_url": await service.get_service_url(),
                "token": await service.get_token(),
                "expires_at": await service.get_expires_at(),
            }
        )
    else:
        line(await service.get_browser_url())
    return 0
