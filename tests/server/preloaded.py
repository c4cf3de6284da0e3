"""Modules run as programs, by forks of a process that has loaded the server: a start costs no second of imports.

They are processes as any others: with an environment, a standard input and output of their own, and an end by signals.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "sandboxcore.server.app",
        "sandboxcore.server.cli",
        "sandboxcore.server.serve",
        "sandboxcore.runtimes.process.driver",
        "alembic.command",
        "alembic.runtime.migration",
        "aiosqlite",
        "psycopg",
        "uvicorn.protocols.http.httptools_impl",
    ]
)


class Program:
    """A module that runs as ``python -m`` would run it; used as a ``subprocess.Popen`` is."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        environment: Mapping[str, str],
        stdin: Path | None = None,
        stdout: Path,
        stderr: Path,
    ) -> None:
        files = [str(path) for path in (stdin or os.devnull, stdout, stderr)]
        self._process = _FORKS.Process(
            target=_become, args=(module, list(arguments), dict(environment), files), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """As of ``subprocess``: negative for the signal that ended it, None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same, for who knows it by this name."""
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code. Raises ``subprocess.TimeoutExpired``."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL it."""
        self.send_signal(signal.SIGKILL)


def _become(module: str, arguments: list[str], environment: dict[str, str], files: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, (path, flags) in enumerate(
        zip(files, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2), strict=True)
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    # A fork is given an empty one of Python's own.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
