"""Starting one program inside a sandbox: what happens between PID 1's fork and the program's first instruction.

PID 1 forks a *guard*, the guard spawns the *command*. The guard adopts every orphan that the command leaves (it is
their subreaper), tells the shim through a pipe of its own what became of the command, and lives as long as a
descendant does. Its reports are JSON objects, one a line: ``{"started": pid}`` or ``{"failed": text}``, then
``{"exit": code}``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from sandboxcore.runtimes.namespaces import signals, spawn, syscalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_REPORT = 4096
"""Bytes of one report: what a pipe takes in one piece."""
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IUTF8 = 0x4000
_TIOCSPTLCK = 0x40045431
_TIOCGPTN = 0x80045430


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, as the shim asked for it."""

    candidates: Sequence[Sequence[str]]
    env: Mapping[str, str]
    cwd: str | None
    terminal: int | None
    """The number of the PTY below /dev/pts, or None for pipes."""
    stdio: Sequence[int]
    """The three descriptors of pipes; empty with a terminal."""


class CommandError(Exception):
    """Why a program cannot start, for a person."""


def base_environment(*, hostname: str, home: str, terminal: bool) -> dict[str, str]:
    """What every command finds in its environment, before the sandbox's own and the request's variables."""
    environment = {
        "PATH": SEARCH_PATH,
        "HOME": home,
        "USER": "root",
        "LOGNAME": "root",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh",
        "HOSTNAME": hostname,
    }
    if terminal:
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return environment


def open_terminal(rows: int, cols: int) -> tuple[int, int]:
    """A new PTY of this size: the descriptor of its controlling side and its number below /dev/pts."""
    controlling = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(controlling, _TIOCSPTLCK, struct.pack("i", 0))
    fcntl.ioctl(controlling, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
    number: int = struct.unpack("i", fcntl.ioctl(controlling, _TIOCGPTN, bytes(4)))[0]
    return controlling, number


def run_guard(command: Command, report: int) -> NoReturn:
    """Be the guard of ``command``: PID 1's child calls this right after the fork."""
    code = 1
    try:
        code = _guard(command, report)
    except OSError as error:
        _send_report(report, failed=describe_fork_error(error))
    finally:
        os._exit(code)


def _guard(command: Command, report: int) -> int:
    signals.reset_but_pipe()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    try:
        pid = _start(command)
    except CommandError as error:
        _send_report(report, failed=str(error))
        return 1
    syscalls.close_others((report,))
    os.chdir("/")  # the command's folder is its own to leave
    _send_report(report, started=pid)
    _wait_for_all(pid, report)
    return 0


def _start(command: Command) -> int:
    """The process id of the command. Raises ``CommandError``, or ``OSError`` where there is no descriptor left."""
    _enter(command.cwd, command.env["HOME"])
    if command.terminal is None:
        # Copies first: one of them may sit on a number that another must get.
        stdio = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10) for descriptor in command.stdio]
        syscalls.close_on_exec(3)
        return _spawn(command, stdio, terminal=None)
    syscalls.close_on_exec(3)
    return _spawn(command, (), terminal=_prepare_terminal(command.terminal))


def _prepare_terminal(number: int) -> str:
    """The path of a terminal whose input is UTF-8 to the kernel."""
    path = f"/dev/pts/{number}"
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    attributes = termios.tcgetattr(terminal)
    attributes[0] |= _IUTF8
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    return path


def _spawn(command: Command, stdio: Sequence[int], terminal: str | None) -> int:
    path = command.env.get("PATH", SEARCH_PATH)
    denied = None
    for candidate in command.candidates:
        for file in _places(candidate[0], path):
            try:
                return spawn.spawn(file, candidate, command.env, stdio=stdio, terminal=terminal)
            except PermissionError:
                # As a shell does: a later folder of the path may have one that can be run.
                denied = denied or file
            except OSError as error:
                _check_missing(file, error)
        if denied is not None:
            raise CommandError(f"cannot run {denied}: Permission denied")
    wanted = " or ".join(dict.fromkeys(candidate[0] for candidate in command.candidates))
    raise CommandError(f"program not found: {wanted}")


def _wait_for_all(command_pid: int, report: int) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return
        if pid == command_pid:
            code = os.waitstatus_to_exitcode(status)
            _send_report(report, exit=code if code >= 0 else 128 - code)
            # The shim sees the end of the pipe although descendants live on.
            os.close(report)


def _send_report(report: int, **content: Any) -> None:
    try:
        os.write(report, json.dumps(content).encode()[: MAX_REPORT - 1] + b"\n")
    except BrokenPipeError:
        # The shim has ended; so will this sandbox.
        return


def _enter(cwd: str | None, home: str) -> None:
    if cwd is None:
        try:
            os.chdir(home)
        except OSError:
            os.chdir("/")
        return
    try:
        os.chdir(cwd)
    except OSError as error:
        raise CommandError(f"cannot use the working directory {cwd}: {error.strerror}") from None


def _places(program: str, path: str) -> list[str]:
    if "/" in program:
        return [program]
    return [f"{folder or '.'}/{program}" for folder in path.split(":")]


def _check_missing(file: str, error: OSError) -> None:
    """Return if there is no such file; else raise what is wrong with it."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        if not os.path.lexists(file):
            return
        raise CommandError(f"cannot run {file}: the interpreter or library that it needs is missing")
    if error.errno in (errno.EAGAIN, errno.ENOMEM):
        raise CommandError(describe_fork_error(error))
    if error.errno == errno.E2BIG:
        raise CommandError("the command line and environment together are too long")
    if error.errno == errno.ENOEXEC:
        raise CommandError(f"cannot run {file}: not a program of this machine's kind")
    raise CommandError(f"cannot run {file}: {error.strerror}")


def describe_fork_error(error: OSError) -> str:
    """What a failed fork means to a person."""
    if error.errno == errno.EAGAIN:
        return "the sandbox has no processes left"
    if error.errno == errno.ENOMEM:
        return "the sandbox has no memory left"
    return f"cannot start a process: {error.strerror}"
