"""A sandbox that is only pipes: the test writes what the command would."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

from sandboxcore.shim import loopback
from sandboxcore.shim.files import serve_request
from sandboxcore.shim.spawner import SpawnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandboxcore.shim.spawner import SpawnRequest, TerminalSize


class FakeProcess:
    """Implements ``Process``; ``out`` and ``err`` are the ends that the command would write to."""

    def __init__(self, pid: int, *, pty: bool) -> None:
        self.pid = pid
        self.input, self.stdin_fd = os.pipe()
        self.stdout_fd, self.out = os.pipe()
        self.err = -1
        self.stderr_fd: int | None = None
        if not pty:
            self.stderr_fd, self.err = os.pipe()
        for fd in (self.stdin_fd, self.stdout_fd, self.stderr_fd, self.out, self.err):
            if fd is not None and fd >= 0:
                os.set_blocking(fd, False)
        self.sizes: list[TerminalSize] = []
        self.signals: list[int] = []
        self.killed = 0
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        return await asyncio.shield(self._code)

    def resize(self, size: TerminalSize) -> None:
        self.sizes.append(size)

    def signal(self, number: int) -> None:
        self.signals.append(number)

    async def kill_tree(self) -> None:
        self.killed += 1
        self.end(137)

    def end(self, code: int, *, keep_open: bool = False) -> None:
        """The command ends; with ``keep_open`` a child of it holds its streams."""
        if not keep_open:
            self.hang_up()
        if not self._code.done():
            self._code.set_result(code)

    def hang_up(self) -> None:
        for name in ("out", "err", "input"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)

    def push(self, data: bytes) -> int:
        """Write to stdout what fits into the pipe; how much that was."""
        written = 0
        while written < len(data):
            try:
                written += os.write(self.out, data[written:])
            except BlockingIOError:
                break
        return written

    async def print(self, data: bytes) -> None:
        """Write all of ``data`` to stdout as the shim takes it."""
        async with asyncio.timeout(30):
            while data := data[self.push(data) :]:
                await asyncio.sleep(0.001)


class FakeSpawner:
    """Implements ``Spawner``; every process that it started is in ``processes``."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.requests: list[SpawnRequest] = []
        self.failure: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self._ended = asyncio.Event()
        self._threads: list[threading.Thread] = []

    async def spawn(self, request: SpawnRequest) -> FakeProcess:
        self.requests.append(request)
        await self.gate.wait()
        if self.failure is not None:
            raise SpawnError(self.failure)
        process = FakeProcess(len(self.processes) + 1, pty=request.pty is not None)
        self.processes.append(process)
        return process

    async def file_operation(self, request: Mapping[str, Any]) -> socket.socket:
        ours, theirs = socket.socketpair()

        def serve() -> None:
            with theirs:
                serve_request(request, theirs)

        thread = threading.Thread(target=serve)
        thread.start()
        self._threads.append(thread)
        return ours

    async def dial(self, port: int) -> socket.socket:
        async def begin(version: int, port: int) -> socket.socket:
            return loopback.begin(version, port)

        return await loopback.dial(port, begin)

    async def closed(self) -> None:
        await self._ended.wait()

    async def process(self, number: int = 0) -> FakeProcess:
        """The process started as ``number``, once it is there."""
        async with asyncio.timeout(10):
            while len(self.processes) <= number:
                await asyncio.sleep(0.001)
        return self.processes[number]

    def end(self) -> None:
        self._ended.set()

    def clean_up(self) -> None:
        for process in self.processes:
            process.hang_up()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
