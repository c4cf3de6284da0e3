"""From the shim to a PID 1 that is ready: control groups, namespaces, id maps, root, privileges, in this order.

1. The shim opens its own mount namespace (root only), forks PID 1 into new user and pid namespaces, writes its id maps.
2. The shim mounts the writable layer and shows the image through the maps. Meanwhile PID 1 moves into its control
   groups, becomes root inside, enters four of the other five namespaces, and sets up what needs no file system.
3. PID 1 copies the shim's mounts into the last, its mount namespace, and tells the shim.
4. It mounts its root and moves in, closes what it inherited, sets no_new_privs, filter and capabilities, and serves.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from sandboxcore.runtimes.base import VolumeError
from sandboxcore.runtimes.namespaces import cgroups, rootfs, seccomp, stage, syscalls
from sandboxcore.runtimes.namespaces.channel import MAX_FROM_INIT, Decoder, close_all, encode, receive
from sandboxcore.runtimes.namespaces.init import Init, Settings
from sandboxcore.runtimes.namespaces.userns import become_root_inside, write_maps

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.plan import Plan

KEPT_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
"""Docker's set without MKNOD and NET_RAW; they hold within the sandbox's user namespace only."""
FILTER = syscalls.SeccompProgram(seccomp.for_this_machine())
START_TIMEOUT = 20.0
"""Seconds for PID 1 to become ready."""
OPEN_FILES = 65536
"""Of one process; sockets cost kernel memory that is not all counted to the sandbox."""
NO_CORE_FILES = 1
"""Bytes of a core file at most. Not 0: only 1 also keeps the kernel from starting the machine's core handler."""

_FIRST_NAMESPACES = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWPID
_OTHER_NAMESPACES = syscalls.CLONE_NEWNET | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
"""All but the mount namespace, which is a copy of what the shim has mounted."""
_MAPPED, _MOUNTED = b"i", b"m"
"""What the shim tells PID 1 through the gate."""


class LaunchError(Exception):
    """The sandbox could not be set up; the message says which step failed.

    ``errno`` is the kernel's reason where it was one, ``is_config`` whether the template is to blame.
    """

    def __init__(self, message: str, *, errno: int | None = None, is_config: bool = False) -> None:
        super().__init__(message)
        self.errno = errno
        self.is_config = is_config


@dataclass(frozen=True, slots=True)
class Launched:
    """A PID 1 that serves."""

    channel: socket.socket
    pid: int
    """As this machine counts."""


def launch(plan: Plan) -> Launched:
    """Start the sandbox's PID 1, this process's child. Raises ``LaunchError``."""
    ours, theirs = socket.socketpair()
    gate, their_gate = socket.socketpair()
    try:
        if plan.privileged:
            stage.open_stage(plan)
        doors = plan.group.open_doors() if plan.group else []
        pid = syscalls.fork_into(_FIRST_NAMESPACES)
        if pid == 0:
            gate.close()
            _run_init(plan, theirs, their_gate, doors)
        close_all(doors)
        for end in (theirs, their_gate):
            end.close()
        write_maps(pid, plan.ids)
        gate.send(_MAPPED)
        _mount_parts(plan, pid)
        gate.send(_MOUNTED)
        # PID 1 closes its end when it has a copy of these mounts: then they may go from here.
        gate.recv(1)
    except (OSError, VolumeError) as error:
        raise LaunchError(str(error), errno=getattr(error, "errno", None)) from error
    finally:
        gate.close()
    return Launched(ours, pid)


def wait_ready(launched: Launched) -> None:
    """Wait until PID 1 serves. Raises ``LaunchError``."""
    launched.channel.settimeout(START_TIMEOUT)
    error = _first_words(launched.channel)
    if error is not None:
        raise error


def _mount_parts(plan: Plan, pid: int) -> None:
    """Mount what PID 1 will mount its root from."""
    if plan.privileged:
        stage.mount_layer(plan)
    else:
        stage.make_directory_layer(plan)
    if plan.privileged:
        namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            stage.mount_image(plan, namespace)
            stage.mount_volumes(plan, namespace)
        finally:
            os.close(namespace)
        stage.enter_stage(plan)


def _first_words(channel: socket.socket) -> LaunchError | None:
    """None when PID 1 says that it is ready, else why it is not."""
    decoder = Decoder(MAX_FROM_INIT)
    try:
        messages = decoder.feed(*receive(channel))
    except TimeoutError:
        return LaunchError(f"the first process was not ready within {START_TIMEOUT:.0f} s")
    except OSError as error:
        return LaunchError(str(error))
    if not messages:
        return LaunchError("the first process ended before it was ready")
    message = messages[0][0]
    if message.get("op") == "ready":
        return None
    reason = message.get("errno")
    return LaunchError(
        str(message.get("error")),
        errno=reason if isinstance(reason, int) else None,
        is_config=message.get("config") is True,
    )


def _run_init(plan: Plan, channel: socket.socket, gate: socket.socket, doors: list[int]) -> NoReturn:
    try:
        cgroups.attach(doors)
        if gate.recv(1) == _MAPPED:
            oom_score = _enter_namespaces(plan)
            if gate.recv(1) == _MOUNTED:
                syscalls.unshare(syscalls.CLONE_NEWNS)
                gate.close()
                _become_init(plan, channel, oom_score)
    except OSError as error:
        is_config = isinstance(error, rootfs.MountPointError)
        channel.sendall(encode({"op": "failed", "error": str(error), "errno": error.errno, "config": is_config}))
    finally:
        os._exit(1)


def _enter_namespaces(plan: Plan) -> int:
    """Become root inside and do what needs no mount; returns the open ``oom_score_adj`` of this process."""
    become_root_inside(plan.ids)
    syscalls.unshare(_OTHER_NAMESPACES)
    # Opened while this process still owns its /proc files; writing needs no more than the descriptor.
    oom_score = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    os.setsid()
    syscalls.set_hostname(plan.spec.hostname)
    syscalls.bring_up_loopback()
    _set_limits(plan)
    _forget_the_machine()
    return oom_score


def _become_init(plan: Plan, channel: socket.socket, oom_score: int) -> NoReturn:
    resources = plan.spec.resources
    rootfs.enter(stage.layout_of(plan), hostname=plan.spec.hostname, memory_bytes=resources.memory_bytes)
    rootfs.open_null_stdio()
    syscalls.close_others((0, 1, 2, channel.fileno(), oom_score))
    _drop_privileges()
    settings = Settings(plan.spec.hostname, plan.image.home, plan.spec.env, resources.pids)
    Init(channel, settings, oom_score).serve()


def _forget_the_machine() -> None:
    """Forget what the loaded Python knows of this machine; nothing is imported any more, least of all from inside."""
    syscalls.rewrite_command_line("init")
    syscalls.set_process_name("init")
    sys.path.clear()
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.argv.clear()


def _set_limits(plan: Plan) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (NO_CORE_FILES, NO_CORE_FILES))
    hard = min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    if plan.group is None:
        # The next best thing: per process, not for all of them together; and per user, not per sandbox.
        memory = plan.spec.resources.memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_NPROC, (plan.spec.resources.pids,) * 2)


def _drop_privileges() -> None:
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    FILTER.load()
    syscalls.keep_capabilities(KEPT_CAPABILITIES)
