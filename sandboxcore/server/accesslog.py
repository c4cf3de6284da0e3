"""Uses of sandboxes on their way to the database: gathered in memory, so that no request waits for their writing.

The same actor's same kind of use of the same sandbox, again within ``QUIET_SECONDS``, is one entry that counts: a
thousand uploads in a second are one line for whoever reads, not a thousand.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from sandboxcore.server.clock import now
from sandboxcore.server.repeating import Due, repeat
from sandboxcore.server.services import accesses
from sandboxcore.server.services.accesses import Noted

if TYPE_CHECKING:
    from sandboxcore.server.config import Settings
    from sandboxcore.server.dataplane.target import Target
    from sandboxcore.server.db.engine import Database

log = logging.getLogger("sandboxd.accesses")
WRITE_SECONDS = 0.5
TRIM_SECONDS = 60.0
QUIET_SECONDS = 10.0
"""After so long without another the next one begins a new entry."""
LONGEST_SECONDS = 60.0
"""What one entry covers at most."""
MOST_OPEN = 10_000
"""Entries that are counted up or wait for a database that does not answer; then the oldest are forgotten."""


class AccessLog:
    """Takes note of uses, and writes them down in batches."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._open: OrderedDict[tuple[str, str, str], Noted] = OrderedDict()
        self._closed: list[Noted] = []
        """Entries that are not written down and will not be counted up any more."""
        self._grown: set[str] = set()
        self._writing = asyncio.Lock()

    def note(self, target: Target, kind: str, *, size: int | None = None, **details: Any) -> None:
        """A sandbox was used through a request. Costs nothing."""
        caller = target.caller
        self.note_of(target.sandbox_id, caller.workspace_id, caller.actor, kind, size=size, **details)

    def note_of(
        self, sandbox_id: str, workspace_id: str, actor: str, kind: str, *, size: int | None = None, **details: Any
    ) -> None:
        """A sandbox was used by ``actor``."""
        key = (sandbox_id, kind, actor)
        moment = now()
        entry = self._open.get(key)
        if entry is None or moment > entry.until + QUIET_SECONDS or moment > entry.at + LONGEST_SECONDS:
            if entry is not None and not entry.is_written:
                self._closed.append(entry)
            entry = self._open[key] = Noted(workspace_id, sandbox_id, kind, actor, moment, moment)
            self._open.move_to_end(key)
            self._bound()
        entry.add(moment, size, details)

    def _bound(self) -> None:
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        del self._closed[:-MOST_OPEN]

    async def keep_writing(self) -> None:
        """Write every ``WRITE_SECONDS`` and trim every ``TRIM_SECONDS``; runs until cancelled."""
        is_trim_due = Due(TRIM_SECONDS)

        async def write() -> None:
            await self.write_down()
            if is_trim_due():
                grown, self._grown = self._grown, set()
                await accesses.trim(self._database, grown, most=self._settings.accesses_kept)

        await repeat(write, every=WRITE_SECONDS, log=log, doing="writing down uses of sandboxes")

    async def write_down(self) -> None:
        """Write all that is new."""
        async with self._writing:
            due = [entry for entry in (*self._closed, *self._open.values()) if not entry.is_written]
            closed = len(self._closed)
            for entry in due:
                entry.is_written = True  # what is added meanwhile makes it new again
            try:
                await accesses.write_down(self._database, due)
            except BaseException:
                for entry in due:
                    entry.is_written = False
                raise
            del self._closed[:closed]
            self._grown.update(entry.sandbox_id for entry in due)
            self._drop_old()

    def _drop_old(self) -> None:
        """Let go of entries that nothing can be added to any more, the oldest first."""
        horizon = now() - LONGEST_SECONDS
        while self._open:
            key, entry = next(iter(self._open.items()))
            if entry.at > horizon or not entry.is_written:
                return
            del self._open[key]
