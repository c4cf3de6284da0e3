"""Waking up who waits for a workspace's next event."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandboxcore.server.db.models import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

_TOLD = "workspaces with news"
MOST_AT_A_TIME = 500
"""Workspaces asked for in one statement."""


def tell_after_commit(session: AsyncSession, workspace_id: str) -> None:
    """Have ``Database.write`` wake up who waits for this workspace once the transaction is committed."""
    session.info.setdefault(_TOLD, set()).add(workspace_id)


def to_be_told(session: AsyncSession) -> set[str]:
    """The workspaces that ``tell_after_commit`` was called for in this transaction."""
    told: set[str] = session.info.get(_TOLD, set())
    return told


class News:
    """Who waits for which workspace. A wake-up is a hint to look into the database; it carries nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._seen: dict[str, int] = {}
        """The last number that ``look`` met, for each workspace that somebody waits for."""

    @contextmanager
    def waiting(self, workspace_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the workspace may have news; who waits clears it before looking."""
        woken = asyncio.Event()
        self._waiting.setdefault(workspace_id, set()).add(woken)
        try:
            yield woken
        finally:
            waiting = self._waiting[workspace_id]
            waiting.discard(woken)
            if not waiting:
                del self._waiting[workspace_id]
                self._seen.pop(workspace_id, None)

    def tell(self, workspaces: Iterable[str]) -> None:
        """Wake up who waits for these workspaces."""
        for workspace_id in workspaces:
            for woken in self._waiting.get(workspace_id, ()):
                woken.set()

    async def look(self, database: Database) -> None:
        """Wake up for what other processes wrote since the last look."""
        watched = list(self._waiting)
        for first in range(0, len(watched), MOST_AT_A_TIME):
            some = watched[first : first + MOST_AT_A_TIME]
            query = select(Workspace.id, Workspace.event_count).where(Workspace.id.in_(some))
            for row in await database.fetch_all(query, {}):
                if row.id in self._waiting and self._seen.get(row.id) != row.event_count:
                    self._seen[row.id] = row.event_count
                    self.tell([row.id])
