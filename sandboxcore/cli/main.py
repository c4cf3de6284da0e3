"""The parser, and the way from an error of the SDK to one line and an exit code."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING

from sandboxcore import (
    AsyncSandboxClient,
    CommandTimeoutError,
    ResourceNotFoundError,
    ResourceTimeoutError,
    SandboxAuthenticationError,
    SandboxClientError,
    SandboxConnectionError,
    __version__,
)
from sandboxcore.cli import codes, commands, files, ports, resources, sandboxes, shell
from sandboxcore.cli.printing import complain

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """environment:
  SANDBOX_ENDPOINT   the server, like http://127.0.0.1:8001
  SANDBOX_API_KEY    the key

docs/cli.md describes each command and every exit code."""
_CODES: list[tuple[type[SandboxClientError], int]] = [
    (ResourceNotFoundError, codes.NOT_FOUND),
    (SandboxAuthenticationError, codes.REFUSED),
    (SandboxConnectionError, codes.UNREACHABLE),
    (CommandTimeoutError, codes.TIMED_OUT),
    (ResourceTimeoutError, codes.TIMED_OUT),
]
_RUNNING = ("run", "attach", "shell")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    made = argparse.ArgumentParser(
        prog="sandbox",
        description="Run untrusted code in sandboxes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"sandbox {__version__}")
    made.add_argument("--endpoint", help="the server, in place of SANDBOX_ENDPOINT")
    made.add_argument("--api-key", help="the key, in place of SANDBOX_API_KEY; others on this machine may see it")
    below = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (sandboxes, commands, shell, files, ports, resources):
        module.add(below)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    asked = parser().parse_args(arguments)
    try:
        return asyncio.run(_run(asked))
    except KeyboardInterrupt:
        return codes.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more when it closes its standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return codes.FAILED


async def _run(asked: argparse.Namespace) -> int:
    try:
        client = AsyncSandboxClient(api_endpoint=_endpoint(asked.endpoint), api_key=asked.api_key)
        async with client:
            code: int = await asked.work(client, asked)
            return code
    except (SandboxClientError, ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(str(error) or type(error).__name__)
        return _code(error, asked.command)


def _endpoint(given: str | None) -> str | None:
    """The whole endpoint of what ``--endpoint`` has, which may be the server's address alone."""
    if not given:
        return None
    return given if given.rstrip("/").endswith("/v2/sandboxes") else f"{given.rstrip('/')}/v2/sandboxes"


def _code(error: Exception, command: str) -> int:
    known = next((code for kind, code in _CODES if isinstance(error, kind)), codes.FAILED)
    return codes.NOT_RUN if command in _RUNNING and known != codes.TIMED_OUT else known
