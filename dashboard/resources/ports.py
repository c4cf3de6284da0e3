"""The listening ports of a sandbox as a page lists them, and how long a preview may last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.lists.cells import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore.metrics import ListeningPort

DURATIONS = (
    (600, "10 minutes"),
    (3600, "1 hour"),
    (8 * 3600, "8 hours"),
    (24 * 3600, "24 hours"),
)
"""Seconds for which a preview's address holds, and how they are told."""
_EVERYWHERE = {"0.0.0.0", "::", "*", ""}  # noqa: S104 - compared with, never listened on
_LOOPBACK = {"127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Row:
    """One listener. ``reached`` tells whether tunnels and previews, which come to the loopback, find it."""

    port: int
    address: str
    command: str
    pid: int | None
    reached: bool


def rows_of(ports: Sequence[ListeningPort]) -> list[Row]:
    """A row a port and way of listening, by number; a program that listens on IPv4 and IPv6 alike has one."""
    found: dict[tuple[int, bool, str], Row] = {}
    for each in sorted(ports, key=lambda port: (port.port, ":" in port.address)):
        command = visible(each.command or "")
        reached = each.address in _EVERYWHERE | _LOOPBACK
        place = each.address if not reached else ("any" if each.address in _EVERYWHERE else "loopback")
        known = found.get((each.port, reached, place))
        address = f"{known.address}, {each.address}" if known else each.address
        found[each.port, reached, place] = Row(each.port, visible(address), command, each.pid, reached)
    return list(found.values())
