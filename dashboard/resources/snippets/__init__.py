"""Programs to copy: what a page does, in Python, async Python, curl and on the command line, with the team's address.

``copies(team, "sandbox.delete", name="x")`` gives each of them; the tag ``{% copy_as %}`` shows them.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.resources.snippets import render
from dashboard.resources.snippets.actions import CALLS
from dashboard.resources.snippets.render import root

if TYPE_CHECKING:
    from dashboard.teams.models import Team
    from sandboxcore import ServerCapabilities
    from sandboxcore.models import SandboxRecord


@dataclass(frozen=True, slots=True)
class Copy:
    """One program to copy: ``key`` is its language, ``label`` what the tab says."""

    key: str
    label: str
    code: str


def copies(team: Team, action: str, **values: Any) -> list[Copy]:
    """The action as each language says it; those that have no word for it are left out. Raises ``KeyError``."""
    call = CALLS[action](**values)
    found = [
        Copy("python", "Python", render.python(team, call)),
        Copy("async", "Async", render.async_python(team, call)),
    ]
    if call.path:
        found.append(Copy("curl", "curl", render.curl(team, call)))
    if call.cli:
        found.append(Copy("cli", "CLI", render.command_line(team, call)))
    return found


def connect(team: Team) -> str:
    """Signing in, by the environment and in code."""
    return (
        f"# pip install sandboxcore\n# export SANDBOX_ENDPOINT={shlex.quote(root(team))}\n"
        "# export SANDBOX_API_KEY=…\n"
        "from sandboxcore import SandboxClient\n\n"
        "client = SandboxClient()\n"
        "for sandbox in client.list_sandboxes():\n"
        "    print(sandbox.name, sandbox.status)"
    )


def make_template(team: Team, capabilities: ServerCapabilities | None) -> str:
    """Making a template of an image that the server has."""
    image = capabilities.images[0] if capabilities and capabilities.images else "python:3.12-slim"
    return render.python(team, CALLS["template.create"](name="first", image=image, cpu="1", memory="1Gi"))


def make_sandbox(team: Team) -> str:
    """Making a sandbox that is deleted at the end."""
    call = CALLS["sandbox.list"]()
    opened = render.python(team, call).partition("\n)\n")[0]
    return (
        f'{opened}\n)\nwith client.sandbox(template_name="first") as sandbox:\n'
        "    print(sandbox.run(\"python3 -c 'print(2 + 2)'\").stdout)"
    )


def run_python(team: Team, name: str) -> str:
    """Running a command in one sandbox."""
    return render.python(team, CALLS["sandbox.run"](name))


def run_async(team: Team, name: str) -> str:
    """The same, asynchronously."""
    return render.async_python(team, CALLS["sandbox.run"](name))


def run_curl(team: Team, sandbox: SandboxRecord) -> str:
    """The same over plain HTTP; only a ready sandbox has an address."""
    if not sandbox.dataplane_url:
        return "# The sandbox has no address yet: it is not ready."
    return render.curl(team, CALLS["sandbox.run"](sandbox.name, dataplane_url=sandbox.dataplane_url, timeout=60))


def run_cli(team: Team, name: str) -> str:
    """The same with the ``sandbox`` command."""
    return render.command_line(team, CALLS["sandbox.run"](name))
