"""What a pool's warm sandboxes cost while they wait to be claimed, from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, bindparam, case, cast, func, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Allocation, Sandbox
from sandboxcore.server.services.ledger import pool_creator

if TYPE_CHECKING:
    from sqlalchemy import Row

    from sandboxcore.server.db.engine import Database

_SINCE, _NOW = bindparam("since", type_=Double), bindparam("now", type_=Double)
_ENDED = func.coalesce(Allocation.ended_at, _NOW)
_SECONDS = _ENDED - case((Allocation.started_at < _SINCE, _SINCE), else_=Allocation.started_at)
_COST = select(
    func.coalesce(func.sum(_SECONDS), 0.0).label("warm_seconds"),
    func.coalesce(func.sum(_SECONDS * Allocation.cpu_millis / 1000.0), 0.0).label("warm_cpu_seconds"),
    # Sums of whole numbers would overflow on one database and not on the other.
    func.coalesce(func.sum(_SECONDS * cast(Allocation.memory_bytes, Double)), 0.0).label("warm_memory_byte_seconds"),
).where(
    Allocation.workspace_id == bindparam("workspace_id"),
    Allocation.subject_kind == "warm",
    or_(Allocation.ended_at.is_(None), Allocation.ended_at >= _SINCE),
    # An earlier pool may have had the name.
    Allocation.started_at >= bindparam("made", type_=Double),
    # The ledger names a pool as it was named then; what still lives knows it by identifier.
    or_(
        Allocation.creator == bindparam("creator"),
        Allocation.subject_id.in_(select(Sandbox.id).where(Sandbox.pool_id == bindparam("pool_id"))),
    ),
)


async def idle_cost(database: Database, pool: Row[Any], *, seconds: float) -> dict[str, float]:
    """For how long sandboxes of a pool waited in the last ``seconds``, summed, and what they reserved meanwhile."""
    moment = now()
    asked = {
        "workspace_id": pool.workspace_id,
        "since": moment - seconds,
        "now": moment,
        "made": pool.created_at,
        "creator": pool_creator(pool.name),
        "pool_id": pool.id,
    }
    rows = await database.fetch_aside(_COST, asked)
    return {name: round(value, 3) for name, value in rows[0]._mapping.items()}
