"""A call in four languages: Python, async Python, curl and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dashboard.resources.snippets.call import Call, Line, json_text, literal, shell_word

if TYPE_CHECKING:
    from dashboard.teams.models import Team

KEY = 'api_key="…",  # or SANDBOX_API_KEY'


def root(team: Team) -> str:
    """The address of the team's server, as ``SANDBOX_ENDPOINT`` has it."""
    base = urlsplit(team.api_endpoint)
    return f"{base.scheme}://{base.netloc}{base.path.removesuffix('/v2/sandboxes')}"


def _line(line: Line, waiting: str) -> str:
    text = f"{waiting}{line.text}" if line.waits else line.text
    return f"{line.name} = {text}" if line.name else text


def _indented(text: str, depth: int) -> str:
    return "\n".join(" " * depth + line if line else line for line in text.split("\n"))


def python(team: Team, call: Call) -> str:
    """A program with the synchronous client."""
    names = ", ".join(sorted({"SandboxClient", *call.imports}))
    body = "\n".join(_line(line, "") for line in call.lines)
    return (
        f"from sandboxcore import {names}\n\nclient = SandboxClient(\n"
        f"    api_endpoint={literal(team.api_endpoint)},\n    {KEY}\n)\n{body}"
    )


def async_python(team: Team, call: Call) -> str:
    """A program with the asynchronous client."""
    names = ", ".join(sorted({"AsyncSandboxClient", *call.imports}))
    body = _indented("\n".join(_line(line, "await ") for line in call.lines), 8)
    return "\n".join(
        [
            "import asyncio",
            "",
            f"from sandboxcore import {names}",
            "",
            "",
            "async def main():",
            "    async with AsyncSandboxClient(",
            f"        api_endpoint={literal(team.api_endpoint)},",
            f"        {KEY}",
            "    ) as client:",
            body,
            "",
            "",
            "asyncio.run(main())",
        ]
    )


def curl(team: Team, call: Call) -> str:
    """A request with curl."""
    address = call.path if call.path.startswith("http") else team.api_endpoint + call.path
    method = "" if call.method == "GET" else f"-X {call.method} "
    lines = [f"curl {method}{shell_word(address)}", '-H "X-Api-Key: $SANDBOX_API_KEY"']
    if call.body is not None:
        lines += ['-H "Content-Type: application/json"', f"-d {shell_word(json_text(call.body))}"]
    return " \\\n  ".join(lines)


def command_line(team: Team, call: Call) -> str:
    """The same with the ``sandbox`` command."""
    setting = f"export SANDBOX_ENDPOINT={shell_word(root(team))} SANDBOX_API_KEY=…"
    return f"{setting}\n{' '.join(shell_word(word) for word in ('sandbox', *call.cli))}"
