"""Programs to copy that reach a port inside a sandbox from one's own machine."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from dashboard.resources.snippets.call import literal
from dashboard.resources.snippets.render import KEY, root

if TYPE_CHECKING:
    from dashboard.teams.models import Team


OF_EVERYBODY = 1024
"""The lowest port on which anybody may listen on their own machine."""


def local_port(port: int) -> int:
    """The same port outside, or for one that only an administrator may have another: 8080 for 80."""
    return port if port >= OF_EVERYBODY else port + 8000


def by_command(team: Team, name: str, port: int) -> str:
    """With the command-line client; it stays open until Ctrl-C."""
    setting = f"export SANDBOX_ENDPOINT={shlex.quote(root(team))} SANDBOX_API_KEY=…"
    return f"{setting}\nsandbox tunnel {shlex.quote(name)} {port}:{local_port(port)}"


def in_python(team: Team, name: str, port: int) -> str:
    """With the SDK; the tunnel stays open until the program ends."""
    return f"""from sandboxcore import SandboxClient

client = SandboxClient(
    api_endpoint={literal(team.api_endpoint)},
    {KEY}
)
sandbox = client.get_sandbox({literal(name)})
with sandbox.tunnel(remote_port={port}, local_port={local_port(port)}) as tunnel:
    print(f"listening at 127.0.0.1:{{tunnel.local_port}}")
    input("Enter ends it. ")"""
