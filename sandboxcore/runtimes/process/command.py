"""A command run as plain processes of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import subprocess
import termios
from typing import TYPE_CHECKING

from sandboxcore.runtimes.process.tree import descendants, kill_all, marked, snapshot
from sandboxcore.shim.spawner import SpawnError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandboxcore.runtimes.process.reaper import Reaper
    from sandboxcore.shim.spawner import TerminalSize

_KILL_ROUNDS = 50
_KILL_PAUSE = 0.02


class Command:
    """Implements ``sandboxcore.shim.spawner.Process``; ``mark`` is in the environment of all its descendants."""

    def __init__(
        self,
        pid: int,
        fds: tuple[int, int, int | None],
        exit_code: asyncio.Future[int],
        *,
        mark: str,
        is_terminal: bool,
    ) -> None:
        self.pid = pid
        self.stdin_fd, self.stdout_fd, self.stderr_fd = fds
        self._exit_code = exit_code
        self._mark = mark
        # the descriptors may be closed by their owner, and resize must not hit another's that took the number
        self._terminal = os.dup(self.stdout_fd) if is_terminal else -1
        exit_code.add_done_callback(self._forget_terminal)

    async def wait(self) -> int:
        """See ``Process``."""
        return await asyncio.shield(self._exit_code)

    def resize(self, size: TerminalSize) -> None:
        """See ``Process``."""
        if self._terminal >= 0:
            set_size(self._terminal, size)

    def signal(self, number: int) -> None:
        """See ``Process``; on a terminal the group in its foreground."""
        if self._exit_code.done():
            return
        group = self.pid
        if self._terminal >= 0:
            group = os.tcgetpgrp(self._terminal) or self.pid
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return

    async def kill_tree(self) -> None:
        """See ``Process``."""
        for _ in range(_KILL_ROUNDS):
            kill_all(self._living)
            if self._exit_code.done() and not self._living():
                return
            await asyncio.sleep(_KILL_PAUSE)
        raise SpawnError(f"processes of command {self.pid} do not die")

    def _living(self) -> set[int]:
        processes = snapshot()
        own = {pid for pid, process in processes.items() if process.session == self.pid}
        if not self._exit_code.done():
            own.add(self.pid)
        ours = descendants({os.getpid()}, processes)
        own |= marked(self._mark, ours)
        own |= descendants(own, processes)
        return {pid for pid in own if pid in processes and not processes[pid].is_zombie}

    def _forget_terminal(self, _: object) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1


def set_size(terminal: int, size: TerminalSize) -> None:
    """Set a terminal's size, which also signals its programs."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.cols, 0, 0))


def start_on_pipes(argv: Sequence[str], env: Mapping[str, str], cwd: str, reaper: Reaper, mark: str) -> Command:
    """Start ``argv`` in a session of its own. Raises ``OSError``."""
    pairs = [os.pipe(), os.pipe(), os.pipe()]
    try:
        theirs = (pairs[0][0], pairs[1][1], pairs[2][1])
        pid = _launch(argv, env, cwd, theirs, is_terminal=False)
    except OSError:
        for pair in pairs:
            os.close(pair[0])
            os.close(pair[1])
        raise
    for fd in theirs:
        os.close(fd)
    ours = (pairs[0][1], pairs[1][0], pairs[2][0])
    for fd in ours:
        os.set_blocking(fd, False)
    return Command(pid, ours, reaper.watch(pid), mark=mark, is_terminal=False)


def start_on_terminal(
    argv: Sequence[str], env: Mapping[str, str], cwd: str, reaper: Reaper, mark: str, *, size: TerminalSize
) -> Command:
    """Start ``argv`` with a new controlling terminal. Raises ``OSError``."""
    ours, theirs = os.openpty()
    try:
        set_size(theirs, size)
        pid = _launch(argv, env, cwd, (theirs, theirs, theirs), is_terminal=True)
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    return Command(pid, (os.dup(ours), ours, None), reaper.watch(pid), mark=mark, is_terminal=True)


def _launch(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    fds: tuple[int, int, int],
    *,
    is_terminal: bool,
) -> int:
    process = subprocess.Popen(  # noqa: S603 - running what is sent is the purpose
        argv,
        env=dict(env),
        cwd=cwd,
        stdin=fds[0],
        stdout=fds[1],
        stderr=fds[2],
        start_new_session=True,
        preexec_fn=_take_terminal if is_terminal else None,  # noqa: PLW1509 - the shim has one thread
    )
    process.returncode = 0  # the reaper waits for it; Popen must not
    return process.pid


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
