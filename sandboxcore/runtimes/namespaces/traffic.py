"""Bytes that a sandbox's network interfaces have carried, as the kernel counts them in its network namespace."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

LOOPBACK = "lo"
_RECEIVED, _SENT = 0, 8
"""Columns of ``/proc/PID/net/dev`` after the interface's name."""


class Traffic(NamedTuple):
    """Bytes received and sent since the sandbox's start."""

    rx_bytes: int
    tx_bytes: int


def traffic_of(pid: int) -> Traffic | None:
    """What the namespace of a process has carried; None where the process is gone."""
    try:
        return read_traffic(Path(f"/proc/{pid}/net/dev").read_text(encoding="ascii"))
    except OSError:
        return None


def read_traffic(table: str) -> Traffic | None:
    """Understand the text of ``/proc/PID/net/dev``; None where it names no interface.

    The loopback counts only where it is all that there is: then it carries tunnels, services and the sandbox's own.
    """
    counted = {name: counts for name, counts in map(_interface, table.splitlines()[2:]) if len(counts) > _SENT}
    outward = [counts for name, counts in counted.items() if name != LOOPBACK] or list(counted.values())
    if not outward:
        return None
    return Traffic(sum(int(counts[_RECEIVED]) for counts in outward), sum(int(counts[_SENT]) for counts in outward))


def _interface(line: str) -> tuple[str, list[str]]:
    name, _, counts = line.partition(":")
    return name.strip(), counts.split()
