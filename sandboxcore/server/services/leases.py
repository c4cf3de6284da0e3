"""Who starts a sandbox: one server process holds a lease on the start and renews it for as long as the start runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Sandbox

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandboxcore.server.db.engine import Database

LEASE_SECONDS = 15.0
"""After this long without renewal another server takes a start over: the one that had it is gone, or stands still."""
RENEW_SECONDS = 5.0


def lease_for(starter: str) -> dict[str, object]:
    """The columns of a row that ``starter`` is about to start; written in the transaction that wants the sandbox."""
    return {"starter": starter, "start_lease_until": now() + LEASE_SECONDS}


async def take(database: Database, *, starter: str, sandbox_id: str) -> bool:
    """Make ``starter`` the one that starts a ``provisioning`` sandbox.

    False where somebody is at it (``starter`` too: between the row and its start lies a moment), or none is to be
    started. SQLite serves one server, so that any other holder there is a server that has ended.
    """
    free = or_(Sandbox.starter.is_(None), Sandbox.start_lease_until.is_(None), Sandbox.start_lease_until <= now())
    if database.is_sqlite:
        free = or_(free, Sandbox.starter != starter)
    query = update(Sandbox).where(Sandbox.id == sandbox_id, Sandbox.state == "provisioning", free)
    async with database.write() as session:
        taken = await session.scalar(query.values(lease_for(starter)).returning(Sandbox.id))
    return taken is not None


async def renew(database: Database, *, starter: str, sandbox_ids: Collection[str]) -> None:
    """Hold on to starts that still run; those that another server has taken over stay its."""
    query = update(Sandbox).where(
        Sandbox.id.in_(sandbox_ids), Sandbox.starter == starter, Sandbox.state == "provisioning"
    )
    async with database.write() as session:
        await session.execute(query.values(lease_for(starter)).execution_options(synchronize_session=False))


async def release(database: Database, *, starter: str) -> None:
    """Let go of every start, so that another server goes on with them at once."""
    query = update(Sandbox).where(Sandbox.starter == starter, Sandbox.state == "provisioning")
    async with database.write() as session:
        await session.execute(
            query.values(starter=None, start_lease_until=None).execution_options(synchronize_session=False)
        )
