"""Executing a program in a new process without copying this one: the C library's posix_spawn(3).

A fork of a Python process copies its page tables, and its child copies every page that it touches before it executes
the program: on the machine that this was measured on 1.3 ms against 0.1. ``os.posix_spawn`` will not do: the library
leaves the two signals that it keeps to itself ignored in the child, unless they are named among those to be reset,
and Python refuses their numbers.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces.syscalls import libc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SETSIGMASK, _SETSIGDEF, _SETSID = 0x08, 0x04, 0x80
_ATTRIBUTES_SIZE, _ACTIONS_SIZE = 512, 256
"""Bytes, more than the library's structures have (336 and 80 in glibc 2.36)."""
_SIGSET_SIZE = 128


def _attributes() -> ctypes.Array[ctypes.c_char]:
    """A session of its own, every signal as a new program has it, none blocked."""
    attributes = ctypes.create_string_buffer(_ATTRIBUTES_SIZE)
    libc.posix_spawnattr_init(attributes)
    libc.posix_spawnattr_setsigdefault(attributes, b"\xff" * _SIGSET_SIZE)
    libc.posix_spawnattr_setsigmask(attributes, bytes(_SIGSET_SIZE))
    libc.posix_spawnattr_setflags(attributes, ctypes.c_short(_SETSIGMASK | _SETSIGDEF | _SETSID))
    return attributes


_ATTRIBUTES = _attributes()


def spawn(
    file: str, arguments: Sequence[str], env: Mapping[str, str], *, stdio: Sequence[int], terminal: str | None
) -> int:
    """The process id of a program that runs in a new session, with three descriptors or with a terminal of its own.

    Every other descriptor must be set to be closed by exec. Raises ``OSError`` where the program cannot be executed or
    no process can be made.
    """
    actions = ctypes.create_string_buffer(_ACTIONS_SIZE)
    libc.posix_spawn_file_actions_init(actions)
    try:
        _place(actions, stdio, terminal)
        pid = ctypes.c_int()
        failure = libc.posix_spawn(
            ctypes.byref(pid),
            os.fsencode(file),
            actions,
            _ATTRIBUTES,
            _strings(arguments),
            _strings([f"{name}={value}" for name, value in env.items()]),
        )
    finally:
        libc.posix_spawn_file_actions_destroy(actions)
    if failure:
        raise OSError(failure, os.strerror(failure), file)
    return pid.value


def _place(actions: ctypes.Array[ctypes.c_char], stdio: Sequence[int], terminal: str | None) -> None:
    if terminal is None:
        for target, descriptor in enumerate(stdio):
            libc.posix_spawn_file_actions_adddup2(actions, descriptor, target)
        return
    # The leader of a session that has no terminal takes hold of the first that it opens.
    libc.posix_spawn_file_actions_addopen(actions, 0, os.fsencode(terminal), os.O_RDWR, 0)
    libc.posix_spawn_file_actions_adddup2(actions, 0, 1)
    libc.posix_spawn_file_actions_adddup2(actions, 0, 2)


def _strings(texts: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    if any("\0" in text for text in texts):
        raise OSError(errno.EINVAL, "a NUL character in the command or its environment")
    return (ctypes.c_char_p * (len(texts) + 1))(*map(os.fsencode, texts), None)
