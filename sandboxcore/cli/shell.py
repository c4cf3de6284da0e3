"""``shell``: a terminal in a sandbox, in this one."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sandboxcore.cli.codes import USAGE
from sandboxcore.cli.printing import complain
from sandboxcore.cli.streams import feed_input, on_signals, print_output, soon

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sandboxcore import AsyncSandboxClient

LOGIN = 'SHELL="$(command -v bash || command -v sh)"; export SHELL; exec "$SHELL" -l'


def add(below: Any) -> None:
    """Add ``shell``."""
    shell = below.add_parser("shell", help="a shell in a sandbox, or a program that wants a terminal")
    shell.add_argument("name", help="the sandbox")
    shell.add_argument("words", nargs="*", metavar="COMMAND", help="in place of a login shell; put -- before it")
    shell.set_defaults(work=open_shell)


async def open_shell(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Run a shell with a terminal of this one's size and hand it every key. It ends with the shell."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        complain("shell needs a terminal on both sides; `sandbox run` needs none")
        return USAGE
    sandbox = await client.get_sandbox(asked.name)
    cols, rows = os.get_terminal_size(sys.stdout.fileno())
    handle = await sandbox.run(  # noqa: S604 - run in the sandbox
        shlex.join(asked.words) if asked.words else LOGIN,
        shell="/bin/sh",
        env={"TERM": os.environ.get("TERM", "xterm-256color"), "COLORTERM": "truecolor", "LANG": "C.UTF-8"},
        pty=True,
        rows=rows,
        cols=cols,
        timeout=0,
        wait=False,
        gaps=True,
        collect=False,
    )

    def resize() -> None:
        width, height = os.get_terminal_size(sys.stdout.fileno())
        soon(lambda: handle.resize(height, width))

    async with handle:
        with _raw(), on_signals({signal.SIGWINCH: resize, signal.SIGTERM: lambda: soon(handle.kill)}):
            feed_input(handle, close=False)
            return await print_output(handle)


@contextmanager
def _raw() -> Iterator[None]:
    """Give every key on as it is pressed, Ctrl-C too."""
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin, termios.TCSADRAIN)  # what was typed ahead stays
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
