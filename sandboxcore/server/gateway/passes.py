"""Who may reach a service: the token of a request, and what it is good for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.server.auth import Caller
from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.target import Target
from sandboxcore.server.gateway import refusals
from sandboxcore.server.gateway.addresses import label_of
from sandboxcore.server.services import service_tokens

if TYPE_CHECKING:
    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.gateway.addresses import Place

REMEMBERED_SECONDS = 1.0
"""How long a token is believed without asking the database: one whose key is revoked ends within this time."""
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to reach one port of a sandbox."""

    target: Target
    port: int
    expires_at: float
    """When the token ends, or the key that made it."""

    @property
    def label(self) -> str:
        """The only service that it is good for."""
        return label_of(self.target.sandbox_id, self.port)

    @property
    def seconds_left(self) -> float:
        """How long it still holds."""
        return max(0.0, self.expires_at - now())


class Passes:
    """Knows tokens, and remembers them for a moment so that a page with a hundred files asks once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[Pass, float]] = {}

    async def check(self, token: str, place: Place) -> Pass:
        """The pass that ``token`` is for this place. Raises ``Refusal``."""
        found = self._known.get(token)
        if found is None or found[1] < time.monotonic():
            found = (await self._look_up(token), time.monotonic() + REMEMBERED_SECONDS)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[token] = found
        leave = found[0]
        if leave.label != place.label or not leave.seconds_left:
            raise refusals.no_leave()
        return leave

    async def _look_up(self, token: str) -> Pass:
        """Raises ``Refusal``."""
        self._known.pop(token, None)
        row = await service_tokens.look_up(self._database, token)
        if row is None:
            raise refusals.no_leave()
        if row.state != "ready" or row.shim_socket is None:
            raise refusals.not_ready(row.state)
        caller = Caller(
            workspace_id=row.workspace_id,
            key_id=row.key_id,
            scopes=frozenset({"run"}),
            acts_for_people=False,
            actor=row.created_by,
            public_id=row.public_id,
            expires_at=row.key_expires_at,
        )
        ends = row.expires_at if row.key_expires_at is None else min(row.expires_at, row.key_expires_at)
        return Pass(Target(row.sandbox_id, row.name, row.shim_socket, caller), row.port, ends)
