"""Reading ``/proc`` inside a sandbox: which processes there are, and to whom a socket belongs.

Everything in it may be made up by the programs of the sandbox, to any length: only so much is read of each, and of so
many. A process that ends meanwhile is left out.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

MOST_PROCESSES = 2000
COMMAND_BYTES = 1024
"""Of a command line that are read."""
_PASSWD_BYTES = 64 * 1024
_STAT_BYTES = 1 << 20
_USER_LENGTH = 32
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """What ``/proc/PID/stat`` says of one process."""

    pid: int
    name: str
    state: str
    parent: int
    cpu_seconds: float
    threads: int
    start: float
    """Seconds after the machine's."""
    memory_bytes: int


def read_some(path: str, most: int) -> bytes:
    """The beginning of a file. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = b""
        while len(content) < most and (piece := os.read(descriptor, most - len(content))):
            content += piece
        return content
    finally:
        os.close(descriptor)


def read_stat(pid: int) -> Stat | None:
    """One process; None where it is gone."""
    try:
        text = read_some(f"/proc/{pid}/stat", 4096)
    except OSError:
        return None
    # The name, between parentheses, may hold anything, spaces and parentheses too.
    opening, closing = text.find(b"("), text.rfind(b")")
    fields = text[closing + 2 :].split()
    if opening < 0 or len(fields) < 22:
        return None
    return Stat(
        pid=pid,
        name=text[opening + 1 : closing].decode(errors="replace"),
        state=fields[0].decode(errors="replace"),
        parent=int(fields[1]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICK,
        threads=int(fields[17]),
        start=int(fields[19]) / _TICK,
        memory_bytes=int(fields[21]) * _PAGE,
    )


def tree_of(root: int) -> list[Stat]:
    """A process and all below it, by number.

    Raises ``OSError`` where there is no ``/proc``, and ``ProcessLookupError`` where the process is gone.
    """
    numbers = sorted(int(name) for name in os.listdir("/proc") if name.isascii() and name.isdigit())
    every = {pid: stat for pid in numbers if (stat := read_stat(pid))}
    if root not in every:
        raise ProcessLookupError(f"process {root} is gone")
    children: dict[int, list[int]] = {}
    for stat in every.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    found = {root}
    waiting = [root]
    while waiting:
        below = [pid for pid in children.get(waiting.pop(), ()) if pid not in found]
        found.update(below)
        waiting += below
    return [every[pid] for pid in sorted(found)]


def command_of(stat: Stat) -> str:
    """The command line of a process, cut; its name in brackets where it has none."""
    try:
        words = read_some(f"/proc/{stat.pid}/cmdline", COMMAND_BYTES)
    except OSError:
        words = b""
    text = words.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    return text or f"[{stat.name}]"


def users() -> dict[int, str]:
    """The names in this root's ``/etc/passwd`` by user id, as far as it is read."""
    try:
        lines = read_some("/etc/passwd", _PASSWD_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return {}
    entries = [line.split(":") for line in lines]
    known = [(fields[2], fields[0]) for fields in entries if len(fields) > 2 and fields[2].isascii()]
    return {int(uid): name[:_USER_LENGTH] for uid, name in reversed(known) if uid.isdigit() and len(uid) < 11}


def user_of(pid: int) -> int | None:
    """The user id as which a process acts; None where it is gone."""
    try:
        status = read_some(f"/proc/{pid}/status", 4096)
    except OSError:
        return None
    line = next((line for line in status.split(b"\n") if line.startswith(b"Uid:")), b"")
    fields = line.split()
    return int(fields[2]) if len(fields) > 2 else None


def machine_start() -> float:
    """When this machine started, in whole seconds since the epoch: the same whenever it is asked.

    Raises ``OSError`` where the kernel does not say.
    """
    for line in read_some("/proc/stat", _STAT_BYTES).split(b"\n"):
        if line.startswith(b"btime "):
            return float(line.split()[1])
    raise OSError(errno.ENODATA, "the kernel does not say when it started")
