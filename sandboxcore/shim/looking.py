"""The requests that look at what runs in a sandbox: its processes and the TCP ports on which they listen.

They are served by a helper like those for files, whose parent is the first of the sandbox's processes. Where a sandbox
has no namespace of its own, only that process and those below it are its own.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.proc import MOST_PROCESSES, command_of, machine_start, read_some, tree_of, user_of, users
from sandboxcore.shim.wire import encode_control

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandboxcore.shim.proc import Stat

PART = 200
"""Entries of one message."""
MOST_PORTS = 1000
_TABLES = (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6))
_TABLE_BYTES = 4 << 20
_LISTENS = b"0A"
_MOST_DESCRIPTORS = 50_000
"""Looked at, of all processes together, to find whose a port is."""
_SOCKET = "socket:["


def list_processes(_request: Mapping[str, Any], connection: socket.socket) -> None:
    """Send the sandbox's processes, this helper left out, by number; at most ``MOST_PROCESSES``."""
    root, its = _own_processes()
    names, started = users(), machine_start()
    of_root = command_of(root)
    shown = [_described(stat, names, started, root, of_root) for stat in its[:MOST_PROCESSES]]
    _send(connection, "processes", shown, truncated=len(its) > MOST_PROCESSES)


def list_ports(_request: Mapping[str, Any], connection: socket.socket) -> None:
    """Send the TCP ports on which the sandbox's programs listen, by number; at most ``MOST_PORTS``."""
    root, its = _own_processes()
    listeners = {inode: place for table, family in _TABLES for inode, place in _listeners(table, family)}
    owners = _owners(its, set(listeners))
    alone = root.pid == 1
    ports = [
        {"port": port, "address": address, "pid": owner.pid if owner else None, "command": _command(owner)}
        for inode, (port, address) in sorted(listeners.items(), key=lambda item: item[1])
        # Ports of the machine that nobody here holds are somebody else's, unless the network is the sandbox's alone.
        if (owner := owners.get(inode)) is not None or alone
    ]
    _send(connection, "ports", ports[:MOST_PORTS], truncated=len(ports) > MOST_PORTS)


def _send(connection: socket.socket, key: str, entries: Sequence[dict[str, Any]], *, truncated: bool) -> None:
    for first in range(0, len(entries), PART):
        connection.sendall(encode_control({"type": key, key: entries[first : first + PART]}))
    connection.sendall(encode_control({"type": "end", "truncated": truncated}))


def _own_processes() -> tuple[Stat, list[Stat]]:
    """The helper's parent, and it with all below it but the helper. Raises ``OSError``."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "only Linux tells which processes there are")
    parent = os.getppid()
    its = [stat for stat in tree_of(parent) if stat.pid != os.getpid()]
    return next(stat for stat in its if stat.pid == parent), its


def _described(stat: Stat, names: Mapping[int, str], started: float, root: Stat, of_root: str) -> dict[str, Any]:
    uid, command = user_of(stat.pid), command_of(stat)
    # What the runtime runs for itself are forks of the first process.
    internal = stat.pid == root.pid or (stat.parent == root.pid and command == of_root)
    return {
        "pid": stat.pid,
        "ppid": stat.parent,
        "user": "" if uid is None else names.get(uid, str(uid)),
        "state": stat.state,
        "command": _own_name(stat, root) if internal else command,
        "cpu_seconds": stat.cpu_seconds,
        "memory_bytes": stat.memory_bytes,
        "started_at": started + stat.start,
        "threads": stat.threads,
        "internal": internal,
    }


def _own_name(stat: Stat, root: Stat) -> str:
    """What a process of the runtime is called: its command line is its host's."""
    return "[init]" if stat.pid == root.pid else "[runtime]"


def _command(owner: Stat | None) -> str | None:
    return None if owner is None else command_of(owner)


def _listeners(table: str, family: socket.AddressFamily) -> Iterator[tuple[int, tuple[int, str]]]:
    """The inode of each listening socket, with its port and address. The kernel lists these before all others."""
    try:
        lines = read_some(table, _TABLE_BYTES).split(b"\n")[1:]
    except OSError:
        return  # a kernel without this version of IP
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENS:
            address, _, port = fields[1].partition(b":")
            yield int(fields[9]), (int(port, 16), _address(address, family))


def _address(text: bytes, family: socket.AddressFamily) -> str:
    """An address as the kernel writes it: each four bytes as a number of this machine."""
    words = bytes.fromhex(text.decode())
    parts = [words[first : first + 4] for first in range(0, len(words), 4)]
    if sys.byteorder == "little":
        parts = [part[::-1] for part in parts]
    return socket.inet_ntop(family, b"".join(parts))


def _owners(processes: Sequence[Stat], wanted: set[int]) -> dict[int, Stat]:
    """The first process that has each of these sockets open, where this one may look."""
    found: dict[int, Stat] = {}
    left = _MOST_DESCRIPTORS
    for stat in processes:
        if len(found) == len(wanted) or left <= 0:
            break
        for inode in _sockets(stat.pid, left):
            left -= 1
            if inode in wanted:
                found.setdefault(inode, stat)
    return found


def _sockets(pid: int, most: int) -> Iterator[int]:
    """The inodes of a process's sockets, 0 for each other descriptor, as far as this process may see them."""
    folder = f"/proc/{pid}/fd"
    try:
        numbers = os.listdir(folder)[:most]
    except OSError:
        return
    for number in numbers:
        try:
            target = os.readlink(f"{folder}/{number}")
        except OSError:
            continue
        yield int(target[len(_SOCKET) : -1]) if target.startswith(_SOCKET) else 0
