"""Uses of sandboxes that are no commands: files, tunnels, services, terminals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, select

from sandboxcore.server.db.models import Access, Base
from sandboxcore.server.db.upserts import Upsert
from sandboxcore.server.names import new_id
from sandboxcore.server.services.commands import known_sandboxes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sandboxcore.server.db.engine import Database

KINDS = (
    "file.written",
    "file.read",
    "tunnel.opened",
    "tunnel.closed",
    "service.shared",
    "terminal.opened",
    "terminal.closed",
)
"""Each described in docs/sandboxd.md."""
MOST_NAMED = 3
"""Files or ports of many that are named."""
MOST_PATH = 1024
BATCH = 500
_ACCESSES = Base.metadata.tables["accesses"]
_UPSERT = Upsert(_ACCESSES, ("until", "count", "bytes", "data"), newer="until")


@dataclass(slots=True)
class Noted:
    """What one person or key did in one way to one sandbox, once or several times within a short while."""

    workspace_id: str
    sandbox_id: str
    kind: str
    actor: str
    at: float
    until: float
    count: int = 0
    bytes: int | None = None
    details: dict[str, list[Any]] = field(default_factory=dict)
    """The first ``MOST_NAMED`` different ones by what they are, like ``path``."""
    id: str = field(default_factory=new_id)
    is_written: bool = False

    def add(self, at: float, size: int | None, details: dict[str, Any]) -> None:
        """Once more."""
        self.until = at
        self.count += 1
        self.is_written = False
        if size is not None:
            self.bytes = (self.bytes or 0) + size
        for name, value in details.items():
            known = self.details.setdefault(name, [])
            shown = value[:MOST_PATH] if isinstance(value, str) else value
            if len(known) < MOST_NAMED and shown not in known:
                known.append(shown)


async def write_down(database: Database, noted: Sequence[Noted]) -> None:
    """Store what is new, and the new counts of what is there; nothing of sandboxes that are not known any more."""
    rows = sorted((_row(each) for each in noted), key=lambda row: str(row["id"]))
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        async with database.write() as session:
            known = await known_sandboxes(session, {row["sandbox_id"] for row in some})
            if some := [row for row in some if row["sandbox_id"] in known]:
                await session.execute(_UPSERT.on(database), some)


def _row(noted: Noted) -> dict[str, Any]:
    named = ("id", "workspace_id", "sandbox_id", "kind", "actor", "at", "until", "count", "bytes")
    return {name: getattr(noted, name) for name in named} | {"data": orjson.dumps(noted.details).decode()}


async def trim(database: Database, sandbox_ids: Collection[str], *, most: int) -> None:
    """Forget entries of these sandboxes beyond the newest ``most``."""
    for sandbox_id in sandbox_ids:
        of_sandbox = Access.sandbox_id == sandbox_id
        newest = select(Access.at).where(of_sandbox).order_by(Access.at.desc())
        first_gone = await database.fetch_one(newest.offset(most).limit(1), {})
        if first_gone is not None:
            async with database.write() as session:
                await session.execute(delete(Access).where(of_sandbox, Access.at <= first_gone[0]))
