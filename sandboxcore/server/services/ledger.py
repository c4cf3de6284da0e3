"""The ledger of usage: from when to when each sandbox and each volume held what.

Every function belongs into the transaction that makes it so. A sandbox holds from its creation until it is gone or has
failed; a claim ends the pool's holding and begins the claimant's. A volume holds from when it is ready until it is
gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Allocation, Base
from sandboxcore.server.names import new_id
from sandboxcore.server.quantity import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.db.models import Pool, Sandbox, Volume

_TABLE = Base.metadata.tables["allocations"]
_OPEN = insert(_TABLE)
_CLOSE = (
    update(_TABLE)
    .where(_TABLE.c.subject_id == bindparam("subject"), _TABLE.c.ended_at.is_(None))
    .values(ended_at=bindparam("moment"))
)
_ADD_CPU = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("allocation"))
    .values(cpu_used_seconds=_TABLE.c.cpu_used_seconds + bindparam("more"))
)
LEAST_CPU_SECONDS = 0.005
"""Less than this is not worth a write."""


async def open_sandbox(session: AsyncSession, sandbox: Sandbox, *, template_name: str, at: float | None = None) -> None:
    """A sandbox that somebody wants holds what its columns say from a moment on, by default its creation."""
    await _open_sandbox(session, sandbox, ("sandbox", template_name, sandbox.created_by), at)


async def open_warm(
    session: AsyncSession, sandbox: Sandbox, *, template_name: str, pool_name: str, at: float | None = None
) -> None:
    """The same of a pool's sandbox, at its pool's expense."""
    await _open_sandbox(session, sandbox, ("warm", template_name, pool_creator(pool_name)), at)


def pool_creator(pool: Pool | str) -> str:
    """Who the ledger names for a pool's warm sandboxes."""
    return f"pool:{pool if isinstance(pool, str) else pool.name}"


async def _open_sandbox(session: AsyncSession, sandbox: Sandbox, whose: tuple[str, str, str], at: float | None) -> None:
    kind, template_name, creator = whose
    values = {
        "id": new_id(),
        "workspace_id": sandbox.workspace_id,
        "subject_kind": kind,
        "subject_id": sandbox.id,
        "template_name": template_name,
        "creator": creator,
        "cpu_millis": sandbox.cpu_millis,
        "memory_bytes": sandbox.memory_bytes,
        "storage_bytes": sandbox.storage_bytes,
        "started_at": sandbox.created_at if at is None else at,
        "cpu_used_seconds": 0.0,
    }
    await session.execute(_OPEN, values)


async def claim(session: AsyncSession, sandbox: Sandbox, *, template_name: str) -> None:
    """A warm sandbox is its claimant's from its ``created_at`` on, which the claim has set."""
    await close(session, sandbox.id, at=sandbox.created_at)
    await open_sandbox(session, sandbox, template_name=template_name)


async def open_volume(session: AsyncSession, volume: Volume) -> None:
    """A volume that is ready, or has grown, holds its ``size`` from now on."""
    moment = now()
    await close(session, volume.id, at=moment)
    values = {
        "id": new_id(),
        "workspace_id": volume.workspace_id,
        "subject_kind": "volume",
        "subject_id": volume.id,
        "template_name": "",
        "creator": volume.created_by,
        "cpu_millis": 0,
        "memory_bytes": 0,
        "storage_bytes": parse_bytes(volume.size),
        "started_at": moment,
        "cpu_used_seconds": 0.0,
    }
    await session.execute(_OPEN, values)


async def close(session: AsyncSession, subject_id: str, *, at: float | None = None) -> None:
    """A sandbox or volume holds nothing any more; one that holds nothing already stays as it is."""
    await session.execute(_CLOSE, {"subject": subject_id, "moment": now() if at is None else at})


async def add_cpu(session: AsyncSession, totals: Mapping[str, float]) -> None:
    """Write down how much processor time sandboxes have used since they started, by identifier, in seconds.

    What earlier holdings of the same sandbox already have is theirs; a total that has shrunk is not heard.
    """
    known = (
        select(
            _TABLE.c.subject_id,
            func.sum(_TABLE.c.cpu_used_seconds).label("seconds"),
            func.max(_TABLE.c.id).filter(_TABLE.c.ended_at.is_(None)).label("open_id"),
        )
        .where(_TABLE.c.subject_id.in_(totals))
        .group_by(_TABLE.c.subject_id)
    )
    rows = (await session.execute(known)).all()
    more = [(row.open_id, totals[row.subject_id] - row.seconds) for row in rows if row.open_id is not None]
    due: Sequence[Mapping[str, object]] = [
        {"allocation": open_id, "more": seconds} for open_id, seconds in more if seconds >= LEAST_CPU_SECONDS
    ]
    if due:
        await session.execute(_ADD_CPU, due)


async def prune(database: Database, *, ended_before: float, most: int) -> int:
    """Remove at most ``most`` holdings that ended before a moment; how many.

    One that ended of a sandbox that still lives stays: ``add_cpu`` counts from it.
    """
    other = aliased(Allocation)
    lives = exists().where(other.subject_id == Allocation.subject_id, other.ended_at.is_(None))
    old = (
        select(Allocation.id)
        .where(Allocation.ended_at < ended_before, or_(Allocation.subject_kind == "volume", ~lives))
        .limit(most)
    )
    async with database.read() as session:
        gone = list(await session.scalars(old))
    if gone:
        async with database.write() as session:
            await session.execute(delete(Allocation).where(Allocation.id.in_(gone)))
    return len(gone)
