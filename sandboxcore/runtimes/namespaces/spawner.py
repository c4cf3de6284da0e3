"""The shim's hand inside a sandbox: asks PID 1 to run programs and file operations, and follows what becomes of
them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import socket
import stat
from typing import TYPE_CHECKING, Any

from sandboxcore.runtimes.namespaces.channel import (
    MAX_FROM_INIT,
    MAX_TO_INIT,
    ChannelError,
    Decoder,
    ancillary,
    close_all,
    encode,
    receive,
)
from sandboxcore.runtimes.namespaces.reports import Report
from sandboxcore.shim import loopback
from sandboxcore.shim.spawner import Process, SpawnError, SpawnRequest, TerminalSize

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_TIMEOUT = 30.0
"""Seconds for PID 1 to answer; it may be starved by its own sandbox, but not for ever."""
PIPE_SIZE = 256 << 10
MAX_TERMINAL_SIDE = 0xFFFF
_TIOCSWINSZ = 0x5414
_PTMX = os.makedev(5, 2)


class RefusedInsideError(SpawnError):
    """PID 1 could not do what it was asked; ``errno`` is the kernel's number, where it told one."""

    def __init__(self, message: str, errno: int | None) -> None:
        super().__init__(message)
        self.errno = errno


class NamespaceProcess:
    """One running command. See ``sandboxcore.shim.spawner.Process``."""

    def __init__(self, spawner: NamespaceSpawner, command_id: int, follower: Follower, fds: list[int]) -> None:
        self._spawner = spawner
        self._id = command_id
        self._follower = follower
        self.pid = follower.report.pid or 0
        self.stdin_fd, self.stdout_fd = fds[:2]
        self.stderr_fd = fds[2] if len(fds) > 2 else None

    async def wait(self) -> int:
        """The exit code when the command itself has ended."""
        await self._follower.over.wait()
        return self._follower.report.code

    def resize(self, size: TerminalSize) -> None:
        """Tell a PTY's programs their new size; nothing on pipes, or when it is closed."""
        if self.stderr_fd is None:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self.stdin_fd, _TIOCSWINSZ, _window(size))

    def signal(self, number: int) -> None:
        """Signal the command's process group, with a PTY its foreground group."""
        if not self._follower.over.is_set():
            self._spawner.post({"op": "signal", "id": self._id, "pid": self.pid, "number": number})

    async def kill_tree(self) -> None:
        """SIGKILL the command and every descendant; return when they are gone."""
        await self._spawner.kill(self._id)


class Follower:
    """Reads one guard's reports as they come."""

    def __init__(self, descriptor: int) -> None:
        self.report = Report()
        self.started = asyncio.Event()
        self.over = asyncio.Event()
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, MAX_FROM_INIT)
        except OSError:
            data = b""
        self.report.feed(data)
        if self.report.started:
            self.started.set()
        if self.report.over:
            self.over.set()
        if self.report.ended or self.report.over:
            self.close()

    def close(self) -> None:
        """Stop reading; whoever waits is told that it is over."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self.report.ended = True
        self.started.set()
        self.over.set()


class NamespaceSpawner:
    """See ``sandboxcore.shim.spawner.Spawner``. Made inside the running event loop."""

    def __init__(self, channel: socket.socket, pids: int) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._pids = pids
        self._decoder = Decoder(MAX_FROM_INIT)
        self._ids = itertools.count(1)
        self._answers: dict[tuple[str, int], asyncio.Future[list[int]]] = {}
        self._outgoing: asyncio.Queue[tuple[dict[str, Any], list[int]]] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel, self._receive)
        self._sender = self._loop.create_task(self._send_all())

    async def spawn(self, request: SpawnRequest) -> Process:
        """Start a program. Raises ``SpawnError``."""
        message = _start_message(request)
        report_read, report_write = _pipe()
        ours, theirs = ([], []) if request.pty else _stdio_pipes()
        follower = Follower(report_read)
        command_id = next(self._ids)
        try:
            received = await self._ask(command_id, message, [report_write, *theirs])
            if request.pty is not None:
                ours = _terminal_sides(received)
            else:
                close_all(received)
            await follower.started.wait()
            self._check_started(follower.report)
        except BaseException:
            # Given up half-way, it may have started all the same.
            self.post({"op": "kill", "id": command_id})
            follower.close()
            close_all(ours)
            raise
        return NamespaceProcess(self, command_id, follower, ours)

    async def file_operation(self, request: Mapping[str, Any]) -> socket.socket:
        """Start one file request; the socket on which its helper speaks. Raises ``SpawnError``."""
        ours, theirs = socket.socketpair()
        try:
            request_id = next(self._ids)
            received = await self._ask(request_id, {"op": "file", "request": dict(request)}, [theirs.detach()])
        except BaseException:
            ours.close()
            raise
        close_all(received)
        ours.setblocking(False)
        return ours

    async def dial(self, port: int) -> socket.socket:
        """A connected socket to a port of the sandbox's loopback. Raises ``DialError`` or ``SpawnError``."""
        return await loopback.dial(port, self._begin_connection)

    async def _begin_connection(self, version: int, port: int) -> socket.socket:
        """A socket of the sandbox's that is connecting. Raises ``OSError`` or ``SpawnError``."""
        try:
            received = await self._ask(next(self._ids), {"op": "dial", "port": port, "version": version}, [])
        except RefusedInsideError as error:
            if error.errno is None:
                raise
            raise OSError(error.errno, os.strerror(error.errno)) from None
        return _tcp_socket(received)

    async def closed(self) -> None:
        """Return when PID 1 has ended."""
        await self._closed.wait()

    def post(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Send a message when it is its turn; its descriptors are closed then."""
        if self._closed.is_set():
            close_all(descriptors or [])
        else:
            self._outgoing.put_nowait((message, descriptors or []))

    async def kill(self, command_id: int) -> None:
        """Have PID 1 kill a command's whole tree; return when it is gone, or the whole sandbox is."""
        waiting = self._answers.get(("killed", command_id))
        if waiting is None:
            waiting = self._expect("killed", command_id)
            self.post({"op": "kill", "id": command_id})
        with contextlib.suppress(SpawnError):
            await asyncio.shield(waiting)

    async def _ask(self, command_id: int, message: dict[str, Any], descriptors: list[int]) -> list[int]:
        """Send a request and wait until PID 1 has accepted it; closes ``descriptors`` in any case."""
        answer = self._expect("accepted", command_id)
        self.post({**message, "id": command_id}, descriptors)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await answer
        except TimeoutError:
            raise SpawnError("the sandbox does not answer") from None
        finally:
            self._answers.pop(("accepted", command_id), None)

    def _expect(self, kind: str, command_id: int) -> asyncio.Future[list[int]]:
        future: asyncio.Future[list[int]] = self._loop.create_future()
        if self._closed.is_set():
            future.set_exception(SpawnError("the sandbox has ended"))
        else:
            self._answers[kind, command_id] = future
        return future

    async def _send_all(self) -> None:
        while True:
            message, descriptors = await self._outgoing.get()
            try:
                await self._send(encode(message, len(descriptors)), descriptors)
            except OSError:
                self._end()
                return
            finally:
                close_all(descriptors)

    async def _send(self, data: bytes, descriptors: list[int]) -> None:
        while True:
            try:
                sent = self._channel.sendmsg([data[:MAX_FROM_INIT]], ancillary(descriptors))
                break
            except BlockingIOError:
                await self._writable()
        await self._loop.sock_sendall(self._channel, data[sent:])

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._channel, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._channel)

    def _receive(self) -> None:
        try:
            data, descriptors = receive(self._channel)
            messages = self._decoder.feed(data, descriptors) if data else None
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ChannelError):
            messages = None
        if messages is None:
            self._end()
            return
        for message, received in messages:
            self._take(message, received)

    def _take(self, message: dict[str, Any], received: list[int]) -> None:
        kind, command_id = message.get("op"), message.get("id")
        key = "accepted" if kind == "failed" else str(kind)
        future = self._answers.pop((key, command_id), None) if isinstance(command_id, int) else None
        if future is None or future.done():
            close_all(received)
        elif kind == "failed":
            close_all(received)
            code = message.get("errno")
            explained = self._explain(str(message.get("error"))[:500])
            future.set_exception(RefusedInsideError(explained, code if isinstance(code, int) else None))
        else:
            future.set_result(received)

    def _check_started(self, report: Report) -> None:
        if report.pid is None:
            raise SpawnError(self._explain(report.failure or "the command was killed at once"))

    def _explain(self, error: str) -> str:
        return f"{error} (limit {self._pids})" if error.endswith("no processes left") else error

    def _end(self) -> None:
        """PID 1 has ended, or speaks nonsense and is left to end: nothing more can be asked."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._loop.remove_reader(self._channel)
        self._sender.cancel()
        self._decoder.close()
        self._channel.close()
        while not self._outgoing.empty():
            close_all(self._outgoing.get_nowait()[1])
        for future in self._answers.values():
            if not future.done():
                future.set_exception(SpawnError("the sandbox has ended"))
                future.exception()
        self._answers.clear()


def _start_message(request: SpawnRequest) -> dict[str, Any]:
    """The request as PID 1 gets it. Raises ``SpawnError`` for what no program can be given."""
    size = request.pty
    candidates = [list(candidate) for candidate in request.candidates if candidate]
    message = {
        "op": "start",
        "candidates": candidates,
        "env": dict(request.env),
        "cwd": request.cwd,
        "rows": _side(size.rows) if size else 0,
        "cols": _side(size.cols) if size else 0,
    }
    words = [word for candidate in candidates for word in candidate]
    words += [part for pair in request.env.items() for part in pair]
    if not candidates:
        raise SpawnError("no command was given")
    if any("\0" in word for word in (*words, request.cwd or "")):
        raise SpawnError("a command, its variables and its folder cannot contain a NUL byte")
    if any(not name or "=" in name for name in request.env):
        raise SpawnError("the name of an environment variable is empty or contains '='")
    _check_encodable([*words, request.cwd or ""])
    return message


def _check_encodable(words: list[str]) -> None:
    total = 0
    for word in words:
        try:
            total += len(os.fsencode(word))
        except UnicodeEncodeError:
            raise SpawnError("a command contains characters that have no UTF-8 form") from None
    if total > MAX_TO_INIT // 8:
        raise SpawnError("the command line and environment together are too long")


def _side(cells: int) -> int:
    return max(1, min(cells, MAX_TERMINAL_SIDE))


def _window(size: TerminalSize) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in (_side(size.rows), _side(size.cols), 0, 0))


def _pipe() -> tuple[int, int]:
    """A pipe whose reading end does not block."""
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    return read, write


def _stdio_pipes() -> tuple[list[int], list[int]]:
    """Our ends, not blocking, and the command's ends of its three standard streams."""
    stdin_read, stdin_write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(stdin_write, False)
    stdout_read, stdout_write = _pipe()
    stderr_read, stderr_write = _pipe()
    for descriptor in (stdout_read, stderr_read):
        # A bigger pipe saves wake-ups; the kernel may refuse it to a user with many.
        with contextlib.suppress(PermissionError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    return [stdin_write, stdout_read, stderr_read], [stdin_read, stdout_write, stderr_write]


def _terminal_sides(received: list[int]) -> list[int]:
    """Two descriptors of the PTY's controlling side, once it is sure that it is one. Raises ``SpawnError``."""
    if len(received) != 1 or not _is_terminal(received[0]):
        close_all(received)
        raise SpawnError("the sandbox gave no terminal")
    os.set_blocking(received[0], False)
    return [received[0], fcntl.fcntl(received[0], fcntl.F_DUPFD_CLOEXEC, 0)]


def _tcp_socket(received: list[int]) -> socket.socket:
    """The one descriptor as a socket, once it is sure that it is a TCP socket. Raises ``SpawnError``."""
    if len(received) != 1 or not stat.S_ISSOCK(os.fstat(received[0]).st_mode):
        close_all(received)
        raise SpawnError("the sandbox gave no connection")
    sock = socket.socket(fileno=received[0])
    if sock.type != socket.SOCK_STREAM or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        sock.close()
        raise SpawnError("the sandbox gave no TCP connection")
    sock.setblocking(False)
    return sock


def _is_terminal(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == _PTMX
