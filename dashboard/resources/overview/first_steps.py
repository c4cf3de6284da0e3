"""The program that an empty team is shown: a template, a sandbox of it, a command in that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.snippets.call import literal
from dashboard.resources.snippets.render import KEY

if TYPE_CHECKING:
    from dashboard.teams.models import Team
    from sandboxcore import ServerCapabilities


def first_steps(team: Team, capabilities: ServerCapabilities | None) -> str:
    """A whole program; its image is one that the server has."""
    image = capabilities.images[0] if capabilities and capabilities.images else "python:3.12-slim"
    return f"""from sandboxcore import SandboxClient

client = SandboxClient(
    api_endpoint={literal(team.api_endpoint)},
    {KEY}
)
client.create_template(name="first", image={literal(image)}, cpu="1", memory="1Gi")
sandbox = client.create_sandbox(template_name="first", name="hello")
print(sandbox.run("echo it works").stdout)"""
