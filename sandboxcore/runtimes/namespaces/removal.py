"""Removing a folder that a sandbox wrote into, in a process of its own: it may be huge, deep, and not readable to
its owner."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from sandboxcore.runtimes.namespaces import signals, syscalls
from sandboxcore.runtimes.namespaces.userns import become_root_inside, write_maps

if TYPE_CHECKING:
    from pathlib import Path

    from sandboxcore.runtimes.namespaces.plan import IdMap

_PATH = "/usr/bin:/bin"


def start_removal(folder: Path, ids: IdMap) -> int:
    """Start removing; returns the process to wait for, after which ``folder`` is gone or could not be removed."""
    pid = os.fork()
    if pid == 0:
        _remove(folder, ids)
    return pid


def _remove(folder: Path, ids: IdMap) -> NoReturn:
    try:
        signals.reset()
        syscalls.close_others((0, 1, 2))
        if ids.kind != "range":
            # Files of the sandbox's users are not this user's to remove, except as root of such a namespace.
            _enter_namespace(ids)
        # rm descends by descriptors, never through links, however deep the tree.
        arguments = ["rm", "-rf", "--one-file-system", "--", str(folder)]
        os.execvpe(arguments[0], arguments, {"PATH": _PATH})  # noqa: S606 - no shell
    finally:
        os._exit(1)


def _enter_namespace(ids: IdMap) -> None:
    """Become root of a new user namespace with these ids; a child of this process writes the maps."""
    entered_read, entered_write = os.pipe2(os.O_CLOEXEC)
    mapped_read, mapped_write = os.pipe2(os.O_CLOEXEC)
    target = os.getpid()
    if os.fork() == 0:
        os.close(entered_write)
        os.read(entered_read, 1)
        write_maps(target, ids)
        os.write(mapped_write, b"m")
        os._exit(0)
    os.close(mapped_write)
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    os.write(entered_write, b"u")
    os.close(entered_write)
    if os.read(mapped_read, 1) != b"m":
        os._exit(1)
    become_root_inside(ids)
