"""The process of one sandbox's shim, from the host's fork to its end.

It begins as root (where the host is), makes the sandbox, then gives up everything for good: it becomes a user that
does not exist inside the sandbox, without capabilities, under the same filter, in a root that holds nothing but its
own socket. It tells the host that the sandbox is ready only then, and serves only after the host has recorded it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from sandboxcore.runtimes.namespaces import launch, signals, stage, syscalls
from sandboxcore.runtimes.namespaces.spawner import NamespaceSpawner
from sandboxcore.shim.server import listen, serve

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.launch import Launched
    from sandboxcore.runtimes.namespaces.plan import Plan

GO = b"g"
"""The host's word that the sandbox is recorded."""
SOCKET_NAME = "shim.sock"
MAX_WORDS = 4096
"""Bytes of the one message to the host."""
LOG_BYTES = 1 << 20
OPEN_FILES = 16384
REHEARSALS = 12
"""Python rewrites a function for speed when it is called for the eighth time."""


def rehearse() -> None:
    """Run the shim's event loop on nothing; the host calls this before its first fork.

    What Python changes in memory when code runs for the first times is then changed once, and shared by all shims.
    """
    for _ in range(REHEARSALS):
        ours, theirs = socket.socketpair()
        theirs.close()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")
        listener.listen()
        listener.setblocking(False)
        asyncio.run(_serve(ours, listener, 0, 0))


def run(plan: Plan, host: socket.socket, host_pid: int, kept: list[int]) -> NoReturn:
    """Be the shim: the host calls this right after its fork. ``kept`` descriptors stay open as long as it lives."""
    code = 1
    try:
        _part_from_host(host, host_pid, kept)
        listener = _listen(plan)
        launched = _make_sandbox(plan)
        ready = {"init": launched.pid, "start": syscalls.process_start_time(launched.pid)}
        with asyncio.Runner() as runner:
            # PID 1 is mounting its root in a namespace of its own by now; unmounting would wait for it, so comes last.
            runner.get_loop()
            _drop_privileges(plan)
            launch.wait_ready(launched)
            _tell(host, {"ready": ready})
            if host.recv(1) == GO:
                host.close()
                _forget_host(plan)
                runner.run(_serve(launched.channel, listener, plan.socket_uid, plan.spec.resources.pids))
                code = 0
    except (OSError, launch.LaunchError) as error:
        is_config = isinstance(error, launch.LaunchError) and error.is_config
        _tell(host, {"error": str(error), "errno": error.errno, "config": is_config})
    finally:
        os._exit(code)


def _part_from_host(host: socket.socket, host_pid: int, kept: list[int]) -> None:
    # Until the host has recorded this sandbox, its death is this process's, and that ends all that it started.
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host_pid:
        os._exit(1)
    os.setsid()
    signals.reset_but_pipe()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    syscalls.close_others((0, 1, 2, host.fileno(), *kept))


def _make_sandbox(plan: Plan) -> Launched:
    if plan.group is not None:
        plan.group.create(plan.spec.resources)
    _open_log(plan)
    return launch.launch(plan)


def _listen(plan: Plan) -> socket.socket:
    """Listen while this is still root: the socket is the service's, its folder nobody else's."""
    path = plan.directory / SOCKET_NAME
    listener = listen(str(path), 0o600, None)
    if plan.privileged:
        os.chown(path, plan.socket_uid, plan.socket_gid)
    return listener


def _open_log(plan: Plan) -> None:
    """Standard error goes to a small file beside the socket."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(plan.directory / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)


def _drop_privileges(plan: Plan) -> None:
    if plan.privileged:
        stage.return_borrowed()
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LOG_BYTES, LOG_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (launch.NO_CORE_FILES, launch.NO_CORE_FILES))
    hard = min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if plan.privileged:
        os.setgroups([])
        os.setresgid(plan.ids.shim_id, plan.ids.shim_id, plan.ids.shim_id)
        os.setresuid(plan.ids.shim_id, plan.ids.shim_id, plan.ids.shim_id)
        syscalls.set_capabilities(effective=0, permitted=0)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    launch.FILTER.load()


def _forget_host(plan: Plan) -> None:
    # The change of user has done this already; where there was none, nobody has.
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 0)
    syscalls.rewrite_command_line(f"sandbox-shim {plan.spec.id}")
    syscalls.set_process_name("sandbox-shim")
    for module_paths in (sys.path, sys.meta_path, sys.path_hooks):
        module_paths.clear()
    gc.freeze()


async def _serve(channel: socket.socket, listener: socket.socket, uid: int, pids: int) -> None:
    await serve(NamespaceSpawner(channel, pids), "", listener=listener, allowed_uids={uid, 0})


def _tell(host: socket.socket, message: dict[str, Any]) -> None:
    try:
        host.send(json.dumps(message).encode()[:MAX_WORDS])
    except BrokenPipeError:
        # The host is gone; so is this process, in a moment.
        return
