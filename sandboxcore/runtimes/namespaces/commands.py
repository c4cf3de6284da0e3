"""Starting one program inside a sandbox: what happens between PID 1's fork and the program's first instruction.

PID 1 forks a *guard*, the guard forks the *command*. The guard adopts every orphan that the command leaves (it is
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

from sandboxcore.runtimes.namespaces import signals, syscalls

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
    failure_read, failure_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _become(command, failure_write)
    os.close(failure_write)
    syscalls.close_others((report, failure_read))
    failure = os.read(failure_read, MAX_REPORT)
    if failure:
        _send_report(report, failed=failure.decode(errors="replace"))
        return 1
    os.close(failure_read)
    _send_report(report, started=pid)
    _wait_for_all(pid, report)
    return 0


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


def _become(command: Command, failure: int) -> NoReturn:
    """Be the command: set everything up and execute it; a failure goes through the pipe."""
    try:
        _set_up(command, failure)
        _execute(command)
    except CommandError as error:
        os.write(failure, str(error).encode(errors="replace")[: MAX_REPORT // 2])
    except OSError as error:
        os.write(failure, f"cannot start the command: {error.strerror}".encode())
    finally:
        os._exit(127)


def _set_up(command: Command, failure: int) -> None:
    signals.reset()
    os.setsid()
    stdio = command.stdio if command.terminal is None else [_take_terminal(command.terminal)] * 3
    _place_stdio(stdio)
    syscalls.close_others((0, 1, 2, failure))
    _enter(command.cwd, command.env["HOME"])


def _take_terminal(number: int) -> int:
    terminal = os.open(f"/dev/pts/{number}", os.O_RDWR)
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    attributes = termios.tcgetattr(terminal)
    attributes[0] |= _IUTF8
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    return terminal


def _place_stdio(stdio: Sequence[int]) -> None:
    # Copies first: one of them may sit on a number that another must get.
    copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10) for descriptor in stdio]
    for target, descriptor in enumerate(copies):
        os.dup2(descriptor, target)


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


def _execute(command: Command) -> NoReturn:
    path = command.env.get("PATH", SEARCH_PATH)
    denied = None
    for candidate in command.candidates:
        for file in _places(candidate[0], path):
            try:
                os.execve(file, list(candidate), dict(command.env))  # noqa: S606 - what a sandbox is for
            except PermissionError:
                # As a shell does: a later folder of the path may have one that can be run.
                denied = denied or file
            except OSError as error:
                _check_missing(file, error)
        if denied is not None:
            raise CommandError(f"cannot run {denied}: Permission denied")
    wanted = " or ".join(dict.fromkeys(candidate[0] for candidate in command.candidates))
    raise CommandError(f"program not found: {wanted}")


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
