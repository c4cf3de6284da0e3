"""Programs to copy that reach a port inside a sandbox from one's own machine."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.teams.models import Team


OF_EVERYBODY = 1024
"""The lowest port on which anybody may listen on their own machine."""


def local_port(port: int) -> int:
    """The same port outside, or for one that only an administrator may have another: 8080 for 80."""
    return port if port >= OF_EVERYBODY else port + 8000


def by_command(name: str, port: int) -> str:
    """With the command-line client."""
    return f"sandbox tunnel {shlex.quote(name)} {port} --local-port {local_port(port)}"


def in_python(team: Team, name: str, port: int) -> str:
    """With the SDK; the tunnel stays open until the program ends."""
    endpoint, quoted = (json.dumps(text, ensure_ascii=False) for text in (team.api_endpoint, name))
    return f"""from sandboxcore import SandboxClient

client = SandboxClient(
    api_endpoint={endpoint},
    api_key="…",  # or the environment variable SANDBOX_API_KEY
)
sandbox = client.get_sandbox({quoted})
with sandbox.tunnel(remote_port={port}, local_port={local_port(port)}) as tunnel:
    print(f"listening at 127.0.0.1:{{tunnel.local_port}}")
    input("Enter ends it. ")"""
