"""Which recorded commands began and ended, until whoever keeps the books has written it down."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.requests import LONGEST_LABEL

if TYPE_CHECKING:
    from sandboxcore.shim.session import Session


@dataclass(slots=True)
class Entry:
    """One command's last change: of one that runs the session, of one that has ended what is told of it."""

    number: int
    session: Session | None
    told: dict[str, Any] | None = None
    size: int = 0

    def describe(self) -> dict[str, Any]:
        """What is told of the command."""
        told = self.told if self.session is None else facts(self.session)
        return {"number": self.number, **(told or {})}


class History:
    """Every start and every end has the next number. Asking for what follows a number says that all up to it is kept.

    Commands that have ended are then forgotten; those that nobody asked about are too, the oldest first, where there
    are more than ``most_ended`` or their texts exceed ``most_bytes``.
    """

    def __init__(self, most_ended: int, most_bytes: int) -> None:
        self._most_ended = most_ended
        self._most_bytes = most_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._number = 0
        self._ended = 0
        self._bytes = 0

    def began(self, session: Session) -> None:
        """A recorded command's session was made."""
        self._number += 1
        self._entries[session.command_id] = Entry(self._number, session)

    def ended(self, session: Session) -> None:
        """It has ended; a session that was not told of is left alone."""
        entry = self._entries.get(session.command_id)
        if entry is None:
            return
        self._number += 1
        entry.number, entry.told, entry.session = self._number, facts(session), None
        entry.size = len(json.dumps(entry.told))
        self._entries.move_to_end(session.command_id)
        self._ended += 1
        self._bytes += entry.size
        if self._ended > self._most_ended or self._bytes > self._most_bytes:
            self._make_room()

    def after(self, number: int) -> list[dict[str, Any]]:
        """What changed after ``number``, in order; forgets what had ended by then."""
        for command_id in [name for name, entry in self._entries.items() if entry.number <= number]:
            if self._entries[command_id].session is None:
                self._forget(command_id)
        return [entry.describe() for entry in self._entries.values() if entry.number > number]

    def _make_room(self) -> None:
        for command_id in [name for name, entry in self._entries.items() if entry.session is None]:
            if self._ended <= self._most_ended and self._bytes <= self._most_bytes:
                return
            self._forget(command_id)

    def _forget(self, command_id: str) -> None:
        entry = self._entries.pop(command_id)
        self._ended -= 1
        self._bytes -= entry.size


def facts(session: Session) -> dict[str, Any]:
    """What is worth keeping of a command."""
    final = session.final or {}
    return {
        "command_id": session.command_id,
        "state": session.state,
        "label": session.request.label,
        "meta": session.request.meta,
        "cwd": (session.request.spawn.cwd or "")[:LONGEST_LABEL] or None,
        "pty": session.size is not None,
        "started_at": session.started_at,
        "finished_at": session.finished_at,
        "exit_code": session.exit_code,
        "ended_by": session.ended_by,
        "error": final.get("error"),
        "stdout": session.outputs[0].ring.end,
        "stderr": session.outputs[1].ring.end,
    }
