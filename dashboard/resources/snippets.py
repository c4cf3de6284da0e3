"""Programs to copy: the same thing that a page does, with the SDK or curl, with this team's address filled in."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from dashboard.teams.models import Team
    from sandboxcore import ServerCapabilities
    from sandboxcore.models import SandboxRecord

_OPEN = """from sandboxcore import SandboxClient

client = SandboxClient(
    api_endpoint={endpoint},
    api_key="…",  # or the environment variable SANDBOX_API_KEY
)
"""


def _open(team: Team) -> str:
    return _OPEN.format(endpoint=_quoted(team.api_endpoint))


def _quoted(text: str) -> str:
    """A Python string literal; JSON's is one."""
    return json.dumps(text, ensure_ascii=False)


def _root(team: Team) -> str:
    """The server's address, as the environment gives it."""
    base = urlsplit(team.api_endpoint)
    return f"{base.scheme}://{base.netloc}{base.path.removesuffix('/v2/sandboxes')}"


def connect(team: Team) -> str:
    """Signing in, by the environment and in code."""
    return (
        f"# pip install sandboxcore\n# export SANDBOX_ENDPOINT={shlex.quote(_root(team))}\n"
        "# export SANDBOX_API_KEY=…\n"
        "from sandboxcore import SandboxClient\n\n"
        "client = SandboxClient()\n"
        "for sandbox in client.list_sandboxes():\n"
        "    print(sandbox.name, sandbox.status)"
    )


def make_template(team: Team, capabilities: ServerCapabilities | None) -> str:
    """Making a template of an image that the server has."""
    image = capabilities.images[0] if capabilities and capabilities.images else "python:3.12-slim"
    return f'{_open(team)}client.create_template(name="first", image={_quoted(image)}, cpu="1", memory="1Gi")'


def make_sandbox(team: Team) -> str:
    """Making a sandbox that is deleted at the end."""
    return (
        f'{_open(team)}with client.sandbox(template_name="first") as sandbox:\n'
        "    print(sandbox.run(\"python3 -c 'print(2 + 2)'\").stdout)"
    )


def run_python(team: Team, name: str) -> str:
    """Running a command in one sandbox."""
    return (
        f"{_open(team)}sandbox = client.get_sandbox({_quoted(name)})\n"
        'result = sandbox.run("uname -a")\nprint(result.stdout, result.exit_code)'
    )


def run_async(team: Team, name: str) -> str:
    """The same, asynchronously."""
    return f"""import asyncio

from sandboxcore import AsyncSandboxClient


async def main():
    async with AsyncSandboxClient(
        api_endpoint={_quoted(team.api_endpoint)},
        api_key="…",  # or the environment variable SANDBOX_API_KEY
    ) as client:
        sandbox = await client.get_sandbox({_quoted(name)})
        result = await sandbox.run("uname -a")
        print(result.stdout, result.exit_code)


asyncio.run(main())"""


def run_curl(sandbox: SandboxRecord) -> str:
    """The same over plain HTTP; only a ready sandbox has an address."""
    if not sandbox.dataplane_url:
        return "# The sandbox has no address yet: it is not ready."
    body = shlex.quote(json.dumps({"command": "uname -a", "timeout": 60}))
    return (
        f"curl {shlex.quote(sandbox.dataplane_url + '/execute')} \\\n"
        '  -H "X-Api-Key: $SANDBOX_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {body}"
    )


def run_cli(team: Team, name: str) -> str:
    """The same with the command-line client; then a shell."""
    return (
        f"# pip install sandboxcore\nexport SANDBOX_ENDPOINT={shlex.quote(_root(team))}\n"
        "export SANDBOX_API_KEY=…\n"
        f"sandbox run {shlex.quote(name)} -- uname -a\n"
        f"sandbox shell {shlex.quote(name)}"
    )
