"""Claims of pools on their way to the database: gathered in memory, so that no create call waits for their writing."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from sandboxcore.server.repeating import Due, repeat
from sandboxcore.server.services import claims

if TYPE_CHECKING:
    from sandboxcore.server.config import Settings
    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.services.claims import Claim

log = logging.getLogger("sandboxd.claims")
WRITE_SECONDS = 0.5
TRIM_SECONDS = 60.0
MOST_WAITING = 10_000
"""Claims that may wait for a database that does not answer; then the oldest are forgotten."""
BATCH = 500


class ClaimLog:
    """Takes note of claims, and writes them down in batches."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._waiting: deque[Claim] = deque(maxlen=MOST_WAITING)
        self._grown: set[str] = set()
        """Pools that were given claims since the last trim."""
        self._writing = asyncio.Lock()

    def note(self, claim: Claim) -> None:
        """A create call has ended. Costs nothing."""
        self._waiting.append(claim)

    async def keep_writing(self) -> None:
        """Write every ``WRITE_SECONDS`` and trim every ``TRIM_SECONDS``; runs until cancelled."""
        is_trim_due = Due(TRIM_SECONDS)

        async def write() -> None:
            await self.write_down()
            if is_trim_due():
                await self.trim()

        await repeat(write, every=WRITE_SECONDS, log=log, doing="writing down claims of pools")

    async def write_down(self) -> None:
        """Write all that waits."""
        async with self._writing:
            while self._waiting:
                batch = list(islice(self._waiting, BATCH))
                await claims.write_down(self._database, batch)
                self._grown.update(claim.pool_id for claim in batch)
                # Meanwhile the oldest may have been forgotten to make room.
                written = set(map(id, batch))
                while self._waiting and id(self._waiting[0]) in written:
                    self._waiting.popleft()

    async def trim(self) -> None:
        """Forget what is too old or too much."""
        grown, self._grown = self._grown, set()
        settings = self._settings
        await claims.trim(self._database, grown, most=settings.pool_claims_kept, max_age=settings.pool_claims_age)
