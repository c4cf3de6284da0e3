"""``run``, ``attach``, ``commands``, ``kill``."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

from sandboxcore.cli.codes import INTERRUPTED
from sandboxcore.cli.printing import as_json, line, table
from sandboxcore.cli.streams import feed_input, on_signals, print_output, soon

if TYPE_CHECKING:
    from sandboxcore import AsyncCommandHandle, AsyncSandboxClient

KEPT_SECONDS = 24 * 3600
"""How long the output of a detached command can be read after its end."""
IDLE_SECONDS = 300
"""How long a command that is watched goes on, and its output stays, when this process is gone without a word."""
DETACHED = -1
"""No idle timeout: nobody needs to be connected."""


def add(below: Any) -> None:
    """Add the commands about commands."""
    run = below.add_parser("run", help="run a command, with its output here and its exit code as this one's")
    run.add_argument("name", help="the sandbox")
    run.add_argument(
        "words",
        nargs="+",
        metavar="COMMAND",
        help="one word is a shell's line, several are the words of one; put -- before it",
    )
    run.add_argument("--env", action="append", default=[], type=_variable, metavar="NAME=VALUE")
    run.add_argument("--cwd", metavar="FOLDER")
    run.add_argument("--shell", default="/bin/sh", metavar="PATH", help="default /bin/sh")
    run.add_argument(
        "--timeout", type=float, default=0, metavar="SECONDS", help="end it after so long (default: never)"
    )
    run.add_argument("--detach", action="store_true", help="print its id and leave it running")
    run.add_argument("--no-stdin", action="store_true", help="give it no input, also where there is a pipe")
    run.set_defaults(work=run_command)

    attach = below.add_parser("attach", help="the output of a command that runs or has ended, from its beginning")
    attach.add_argument("name", help="the sandbox")
    attach.add_argument("command_id", metavar="ID")
    attach.set_defaults(work=attach_command)

    listing = below.add_parser("commands", help="what was run in a sandbox, the newest first")
    listing.add_argument("name", help="the sandbox, or its identifier after its end")
    listing.add_argument("--status", choices=("running", "exited", "killed", "timed_out", "failed", "lost"))
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (1-1000, default 50)")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(work=list_commands)

    kill = below.add_parser("kill", help="end a command and all that it started")
    kill.add_argument("name", help="the sandbox")
    kill.add_argument("command_id", metavar="ID")
    kill.set_defaults(work=kill_command)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


async def run_command(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Run a command. Ctrl-C interrupts it; a second one, or SIGTERM, kills it."""
    sandbox = await client.get_sandbox(asked.name)
    command = asked.words[0] if len(asked.words) == 1 else shlex.join(asked.words)
    handle = await sandbox.run(
        command,
        env=dict(asked.env) or None,
        cwd=asked.cwd,
        shell=asked.shell,
        timeout=asked.timeout,
        wait=False,
        gaps=True,
        collect=False,
        idle_timeout=DETACHED if asked.detach else IDLE_SECONDS,
        ttl_seconds=KEPT_SECONDS if asked.detach else IDLE_SECONDS,
    )
    async with handle:
        if asked.detach:
            line(handle.command_id)
            return 0
        return await _watch(handle, stdin=not asked.no_stdin and not sys.stdin.isatty())


async def _watch(handle: AsyncCommandHandle, *, stdin: bool) -> int:
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        soon(handle.kill if interrupted else lambda: handle.send_signal("SIGINT"))
        interrupted = True

    if stdin:
        feed_input(handle, close=True)
    else:
        await handle.close_stdin()
    with on_signals({signal.SIGINT: interrupt, signal.SIGTERM: lambda: soon(handle.kill)}):
        try:
            return await print_output(handle)
        except BrokenPipeError:
            await handle.kill()
            raise


async def attach_command(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Show a command's output. Ctrl-C leaves it running."""
    sandbox = await client.get_sandbox(asked.name)
    handle = await sandbox.reconnect(asked.command_id, gaps=True, collect=False)
    left = asyncio.Event()
    async with handle:
        with on_signals({signal.SIGINT: left.set, signal.SIGTERM: left.set}):
            printing = asyncio.ensure_future(print_output(handle))
            leaving = asyncio.ensure_future(left.wait())
            await asyncio.wait({printing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            if printing.done():
                return printing.result()
            printing.cancel()
            await asyncio.wait({printing})
    return INTERRUPTED


async def list_commands(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """A page of a sandbox's commands."""
    found = await client.list_commands(asked.name, limit=asked.limit, status=asked.status)
    if asked.json:
        as_json(found)
        return 0
    rows = [(each.id, each.status, each.exit_code, each.actor, each.started_at, each.command[:80]) for each in found]
    table(("ID", "STATUS", "EXIT", "BY", "STARTED", "COMMAND"), rows)
    return 0


async def kill_command(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """End a command."""
    await client.kill_command(asked.name, asked.command_id)
    return 0
