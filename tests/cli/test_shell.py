"""shell: a terminal in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.cli.conftest import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Cli

WITHIN = 30.0


class Screen:
    """The other end of a terminal."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._seen = b""

    def until(self, text: str) -> None:
        """Read until this has been printed since the last time."""
        deadline = time.monotonic() + WITHIN
        while text.encode() not in self._seen:
            assert time.monotonic() < deadline, self._seen[-2000:]
            if select.select([self._descriptor], [], [], 0.2)[0]:
                self._seen += os.read(self._descriptor, 65536)
        self._seen = self._seen.split(text.encode(), 1)[1]

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def resize(self, rows: int, cols: int) -> None:
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def wait(self) -> int:
        """The exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def terminal(cli: Cli, *arguments: str) -> Iterator[Screen]:
    """The command line in a terminal of its own."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(PROGRAM[0], [*PROGRAM, *arguments], {**cli.environment, "TERM": "xterm"})  # noqa: S606
    try:
        yield Screen(pid, descriptor)
    finally:
        os.close(descriptor)


SIZED = "until [ \"$(stty size)\" = '33 99' ]; do sleep 0.05; done; echo si''zed"


def test_it_works(cli: Cli) -> None:
    with terminal(
        cli, "shell", "box", "--", "sh", "-c", f"echo rea''dy; {SIZED}; read line; echo got $line; exit 9"
    ) as screen:
        screen.until("ready")
        screen.resize(33, 99)
        screen.until("sized")
        screen.type("a line\r")
        screen.until("got a line")
        assert screen.wait() == 9


def test_a_program_of_ones_own(cli: Cli) -> None:
    with terminal(cli, "shell", "box", "--", "sh", "-c", "tty >/dev/null && echo a termin''al; exit 4") as screen:
        screen.until("a terminal")
        assert screen.wait() == 4


def test_without_a_terminal_it_says_so(cli: Cli) -> None:
    done = cli.run("shell", "box")
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
