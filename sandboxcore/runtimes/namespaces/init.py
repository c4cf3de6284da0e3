"""PID 1 of a sandbox: serves the shim's requests and reaps.

It is a fork of the already loaded host, so an image needs no Python. When ``serve`` begins, the root is set,
privileges are dropped and the filter is on; every command inherits that. Requests, as messages of ``channel``:

``start``   ``id, candidates, env, cwd, rows, cols`` with the report pipe, then for pipes (``rows`` 0) the three of
            stdio → ``{"op": "accepted", "id"}``, with the PTY's controlling side if one was asked for, or ``failed``.
            The rest is told through the report pipe, by the guard (see ``commands``).
``file``    ``id, request`` with a socket on which a helper will speak → ``accepted`` or ``failed``.
``dial``    ``id, port, version`` (4 or 6) → ``accepted`` with a TCP socket that is connecting to that port of the
            sandbox's loopback, or ``failed`` with ``errno``. Nobody here waits for the connection.
``signal``  ``id, pid, number``: to the foreground group of the command's terminal, or to its process group. No answer.
``kill``    ``id``: SIGKILL to the whole tree → ``{"op": "killed", "id"}`` when it is gone.

At the end of the channel PID 1 exits, and the kernel kills all that is left in the sandbox.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sandboxcore.runtimes.namespaces import signals, syscalls
from sandboxcore.runtimes.namespaces.channel import BlockingChannel, ChannelError, close_all
from sandboxcore.runtimes.namespaces.commands import (
    Command,
    base_environment,
    describe_fork_error,
    open_terminal,
    run_guard,
)
from sandboxcore.runtimes.namespaces.killtree import Children, TreeKiller, descendants
from sandboxcore.shim import files, loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INIT_SCORE, COMMAND_SCORE = b"0", b"500"
"""Short of memory, the kernel kills commands before PID 1."""
_KILL_PAUSE_MS = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What PID 1 must know of its sandbox."""

    hostname: str
    home: str
    env: Mapping[str, str]
    pids: int


@dataclass(slots=True)
class _Guard:
    """A command's guard, this process's direct child."""

    pid: int
    command_id: int
    terminal: bool


class Init:
    """The loop of PID 1."""

    def __init__(self, connection: socket.socket, settings: Settings, oom_score: int) -> None:
        self._channel = BlockingChannel(connection)
        self._settings = settings
        self._oom_score = oom_score
        self._guards: dict[int, _Guard] = {}
        self._helpers: set[int] = set()
        self._killers: list[tuple[int | None, TreeKiller]] = []
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> NoReturn:
        """Serve until the shim is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        self._channel.send({"op": "ready"})
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(_KILL_PAUSE_MS if self._killers else None)}
            if self._wake_read in ready:
                self._reap()
            if self._channel.fileno() in ready:
                self._receive()
            self._killers = [(owner, killer) for owner, killer in self._killers if not self._step(owner, killer)]

    def _receive(self) -> None:
        try:
            messages = self._channel.receive()
        except (ConnectionError, ChannelError):
            messages = None
        if messages is None:
            os._exit(0)
        for message, descriptors in messages:
            try:
                _HANDLERS[message["op"]](self, message, descriptors)
            finally:
                close_all(descriptors)

    def _start(self, message: dict[str, Any], descriptors: list[int]) -> None:
        controlling = number = None
        try:
            if message["rows"]:
                controlling, number = open_terminal(message["rows"], message["cols"])
            command = Command(
                candidates=message["candidates"],
                env=self._environment(message["env"], terminal=number is not None),
                cwd=message["cwd"],
                terminal=number,
                stdio=descriptors[1:],
            )
            pid = self._fork(lambda: run_guard(command, descriptors[0]))
            self._guards[pid] = _Guard(pid, message["id"], number is not None)
            self._channel.send({"op": "accepted", "id": message["id"]}, [] if controlling is None else [controlling])
        except OSError as error:
            self._fail(message, error)
        finally:
            if controlling is not None:
                os.close(controlling)

    def _file(self, message: dict[str, Any], descriptors: list[int]) -> None:
        try:
            pid = self._fork(lambda: _run_helper(message["request"], descriptors[0], self._settings.home))
        except OSError as error:
            self._fail(message, error)
        else:
            self._helpers.add(pid)
            self._channel.send({"op": "accepted", "id": message["id"]})

    def _dial(self, message: dict[str, Any], _descriptors: list[int]) -> None:
        try:
            with loopback.begin(message["version"], message["port"]) as connecting:
                self._channel.send({"op": "accepted", "id": message["id"]}, [connecting.fileno()])
        except OSError as error:
            answer = {"op": "failed", "id": message["id"], "error": str(error), "errno": error.errno}
            self._channel.send(answer)

    def _signal(self, message: dict[str, Any], _descriptors: list[int]) -> None:
        guard = self._guard_of(message["id"])
        if guard is None:
            return
        command: int = message["pid"]
        # The guard reaps its command at once: an id whose parent is another names another process by now.
        if _stat(command, 1) != guard.pid:
            return
        try:
            os.killpg(_foreground_group(command) if guard.terminal else command, message["number"])
        except (ProcessLookupError, PermissionError):
            return

    def _kill(self, message: dict[str, Any], _descriptors: list[int]) -> None:
        guard = self._guard_of(message["id"])
        if guard is None:
            self._channel.send({"op": "killed", "id": message["id"]})
            return
        root = guard.pid
        self._killers.append((message["id"], TreeKiller(lambda children: descendants(children, root))))

    def _step(self, owner: int | None, killer: TreeKiller) -> bool:
        done = killer.step()
        if done and owner is not None:
            self._channel.send({"op": "killed", "id": owner})
        return done

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._helpers.discard(pid)
            guard = self._guards.pop(pid, None)
            if guard is not None and os.WIFSIGNALED(status):
                # A guard ends only after its descendants: whoever kills one to slip out of its tree dies here.
                self._killers.append((None, TreeKiller(self._orphans)))

    def _orphans(self, children: Children) -> list[int]:
        strays = [pid for pid in children.get(1, []) if pid not in self._guards and pid not in self._helpers]
        return strays + [pid for stray in strays for pid in descendants(children, stray)]

    def _fork(self, child: Callable[[], NoReturn]) -> int:
        os.pwrite(self._oom_score, COMMAND_SCORE, 0)
        try:
            pid = os.fork()
            if pid == 0:
                child()
        finally:
            os.pwrite(self._oom_score, INIT_SCORE, 0)
        return pid

    def _fail(self, message: dict[str, Any], error: OSError) -> None:
        self._channel.send({"op": "failed", "id": message["id"], "error": describe_fork_error(error)})

    def _guard_of(self, command_id: int) -> _Guard | None:
        return next((guard for guard in self._guards.values() if guard.command_id == command_id), None)

    def _environment(self, requested: Mapping[str, str], *, terminal: bool) -> dict[str, str]:
        settings = self._settings
        base = base_environment(hostname=settings.hostname, home=settings.home, terminal=terminal)
        return base | dict(settings.env) | dict(requested)


_HANDLERS: dict[str, Callable[[Init, dict[str, Any], list[int]], None]] = {
    "start": Init._start,
    "file": Init._file,
    "dial": Init._dial,
    "signal": Init._signal,
    "kill": Init._kill,
}


def _foreground_group(command: int) -> int:
    group = _stat(command, 5)
    return group if group is not None and group > 0 else command


def _stat(pid: int, field: int) -> int | None:
    """A numeric field of ``/proc/PID/stat``, counted from the state: 1 parent, 5 the terminal's foreground group."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat[stat.rindex(b")") + 2 :].split()[field])


def _run_helper(request: dict[str, Any], descriptor: int, home: str) -> NoReturn:
    """Be the helper of one file operation; PID 1's child calls this right after the fork."""
    code = 1
    try:
        signals.reset_but_pipe()
        os.setsid()
        syscalls.close_others((0, 1, 2, descriptor))
        os.environ["HOME"] = home
        os.chdir(home if Path(home).is_dir() else "/")
        with socket.socket(fileno=descriptor) as connection:
            files.serve_request(request, connection)
        code = 0
    finally:
        os._exit(code)
