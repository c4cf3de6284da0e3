"""The process runtime's part in a shim: commands and file helpers as children of the shim itself."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from sandboxcore.runtimes.process.command import start_on_pipes, start_on_terminal
from sandboxcore.runtimes.process.reaper import Reaper
from sandboxcore.runtimes.process.tree import MARK, descendants, kill_all, snapshot
from sandboxcore.shim import loopback
from sandboxcore.shim.files import serve_request
from sandboxcore.shim.spawner import SpawnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandboxcore.runtimes.process.command import Command
    from sandboxcore.shim.spawner import SpawnRequest

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SUBREAPER = 36


class ProcessSpawner:
    """Implements ``sandboxcore.shim.spawner.Spawner`` without any isolation. Make it in a running loop."""

    def __init__(self, sandbox_id: str, home: str, env: Mapping[str, str]) -> None:
        self._sandbox_id = sandbox_id
        self._home = home
        self._env = {
            "PATH": _PATH,
            "HOME": home,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "SHELL": shutil.which("bash", path=_PATH) or "/bin/sh",
            **env,
        }
        self._reaper = Reaper()
        self._ended = asyncio.Event()
        self._count = 0
        _adopt_orphans()

    def end(self) -> None:
        """Declare the sandbox over."""
        self._ended.set()

    async def closed(self) -> None:
        """See ``Spawner``."""
        await self._ended.wait()

    async def spawn(self, request: SpawnRequest) -> Command:
        """See ``Spawner``."""
        self._count += 1
        mark = f"{self._sandbox_id}.{self._count}."
        env = {**self._env, **request.env, MARK: mark}
        cwd = os.path.join(self._home, request.cwd or ".")  # noqa: PTH118 - keeps the path as it was given
        if not os.path.isdir(cwd):  # noqa: PTH112, ASYNC240 - one stat of a local folder
            raise SpawnError(f"no such folder to run in: {cwd}")
        argv = self._first_existing(request, env, cwd)
        try:
            if request.pty is None:
                return start_on_pipes(argv, env, cwd, self._reaper, mark)
            return start_on_terminal(argv, env, cwd, self._reaper, mark, size=request.pty)
        except OSError as error:
            raise SpawnError(f"could not start {argv[0]}: {error.strerror or error}") from error

    async def file_operation(self, request: Mapping[str, Any]) -> socket.socket:
        """See ``Spawner``; the helper is a fork of the shim."""
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as error:
            ours.close()
            theirs.close()
            raise SpawnError(f"could not start a file operation: {error.strerror}") from error
        if pid == 0:
            self._serve_file_request(request, theirs)
        theirs.close()
        return ours

    async def dial(self, port: int) -> socket.socket:
        """See ``Spawner``; the loopback is this machine's."""
        return await loopback.dial(port, _begin)

    def kill_everything(self) -> None:
        """SIGKILL every descendant of the shim, and reap them."""
        kill_all(_living_descendants)
        self._reaper.collect()

    def _first_existing(self, request: SpawnRequest, env: Mapping[str, str], cwd: str) -> list[str]:
        for candidate in request.candidates:
            program = candidate[0]
            if "/" in program:
                found = shutil.which(os.path.join(cwd, program))  # noqa: PTH118 - as above
            else:
                found = shutil.which(program, path=env.get("PATH", _PATH))
            if found:
                return [found, *candidate[1:]]
        names = ", ".join(candidate[0] for candidate in request.candidates)
        raise SpawnError(f"no such program: {names}")

    def _serve_file_request(self, request: Mapping[str, Any], connection: socket.socket) -> None:
        """The helper's whole life; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            kept = connection.detach()
            os.closerange(3, kept)
            os.closerange(kept + 1, 4096)
            os.environ.clear()
            os.environ.update(self._env)
            os.chdir(self._home)
            with socket.socket(fileno=kept) as own:
                serve_request(request, own)
            code = 0
        except BaseException as error:  # noqa: BLE001 - nothing may unwind into the forked event loop
            os.write(2, f"file helper: {error!r}\n".encode())
        finally:
            os._exit(code)


async def _begin(version: int, port: int) -> socket.socket:
    return loopback.begin(version, port)


def _living_descendants() -> set[int]:
    processes = snapshot()
    return {pid for pid in descendants({os.getpid()}, processes) if not processes[pid].is_zombie}


def _adopt_orphans() -> None:
    """Become the parent of daemons, so that the end of the sandbox finds them; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
