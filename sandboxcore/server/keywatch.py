"""Ending the open streams of keys that end: at once in this process, within a second in the others.

The database is the truth: whoever revokes a key, in this process, another one or on the command line, writes it there,
and each process asks for the keys that it has streams open for, in one query.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sandboxcore.server.clock import now
from sandboxcore.server.services import keys
from sandboxcore.server.waiting import woken

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandboxcore.server.auth import KeyRing
    from sandboxcore.server.dataplane.streams import Streams
    from sandboxcore.server.db.engine import Database

log = logging.getLogger("sandboxd.keys")
LOOK_SECONDS = 0.8
"""Between two looks when no key is known to end before."""
LEAST_PAUSE = 0.005


class KeyWatch:
    """Looks after the keys that have streams open."""

    def __init__(self, database: Database, ring: KeyRing, streams: Streams) -> None:
        self._database = database
        self._ring = ring
        self._streams = streams
        self._kicked = asyncio.Event()
        streams.on_short_lived = self._kicked.set

    def changed(self, key_ids: Collection[str]) -> None:
        """These keys live on, and something about them has changed."""
        self._ring.forget(key_ids)
        self._kicked.set()

    def ended(self, key_ids: Collection[str]) -> None:
        """These keys have just been revoked: nothing is done for them from now on."""
        self._ring.forget(key_ids)
        self._streams.end_of(key_ids)

    async def keep(self) -> None:
        """Look every ``LOOK_SECONDS``, and at the moment when a key that has streams open expires; until cancelled."""
        pause = LOOK_SECONDS
        while True:
            await woken(self._kicked, pause)
            self._kicked.clear()
            pause = LOOK_SECONDS
            try:
                pause = await self.look()
            except Exception:  # the next look must come whatever this one met
                log.exception("looking for keys that have ended failed")

    async def look(self) -> float:
        """End the streams of keys that have ended; in how many seconds to look again."""
        held = self._streams.keys()
        if not held:
            return LOOK_SECONDS
        living = await keys.living(self._database, held)
        gone = held - living.keys()
        if gone:
            self.ended(gone)
        first_end = min((moment for moment in living.values() if moment is not None), default=None)
        return LOOK_SECONDS if first_end is None else max(LEAST_PAUSE, min(LOOK_SECONDS, first_end - now()))
