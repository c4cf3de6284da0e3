"""When each sandbox was last used: counted in memory, written down at most once a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.server.clock import now
from sandboxcore.server.services import sandboxes

if TYPE_CHECKING:
    from sandboxcore.server.db.engine import Database

WRITE_EVERY = 60.0
"""Seconds between two writes for one sandbox."""


class Activity:
    """Running a command or moving a file is activity; looking is not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def touch(self, sandbox_id: str) -> None:
        """The sandbox is used now. Costs nothing."""
        self._last[sandbox_id] = now()

    def last(self, sandbox_id: str, stored: float) -> float:
        """The last use, of what the database holds and what this process saw."""
        return max(stored, self._last.get(sandbox_id, 0))

    def forget(self, sandbox_id: str) -> None:
        """The sandbox is gone."""
        self._last.pop(sandbox_id, None)
        self._written.pop(sandbox_id, None)

    async def write_down(self, *, everything: bool = False) -> None:
        """Store what is newer than the database, for each sandbox at most once in ``WRITE_EVERY`` seconds."""
        due = {
            sandbox_id: moment
            for sandbox_id, moment in self._last.items()
            if moment > self._written.get(sandbox_id, 0) + (0 if everything else WRITE_EVERY)
        }
        if due:
            await sandboxes.record_activity(self._database, actor="system", moments=due)
            self._written.update(due)
