"""Waits for every child of the shim: commands, file helpers, and orphans that it adopted."""

from __future__ import annotations

import asyncio
import os
import signal


class Reaper:
    """Collects children on SIGCHLD and hands exit codes to whoever watches a process."""

    def __init__(self) -> None:
        self._watched: dict[int, asyncio.Future[int]] = {}
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.collect)

    def watch(self, pid: int) -> asyncio.Future[int]:
        """The exit code of a child, 0-255 or 128 + signal; call before going back to the event loop."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watched[pid] = future
        return future

    def collect(self) -> None:
        """Reap all children that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            future = self._watched.pop(pid, None)
            if future is not None and not future.done():
                code = os.waitstatus_to_exitcode(status)
                future.set_result(code if code >= 0 else 128 - code)
