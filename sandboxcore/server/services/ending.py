"""Why sandboxes end, and the one way to mark them for it.

But for the end of a whole workspace: that takes the history with it, so it marks everything in one statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import bindparam, func, insert, select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import IS_WANTED, Base, Pool, Sandbox
from sandboxcore.server.services._rows import SANDBOXES
from sandboxcore.server.services.events import Subject, record

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.ext.asyncio import AsyncSession

StopReason = Literal[
    "deleted",
    "lifetime",
    "idle",
    "died",
    "start_failed",
    "start_timeout",
    "creator_gone",
    "pool_deleted",
    "pool_scaled_down",
    "pool_aged",
    "workspace_deleted",
]
"""Every reason, each described in docs/sandboxd.md."""

_ROWS = SANDBOXES.where(IS_WANTED).order_by(Sandbox.created_at, Sandbox.id)
_COUNT_READY = select(func.count()).where(Sandbox.pool_id == bindparam("pool"), Sandbox.warm, Sandbox.state == "ready")
_INSERT = insert(Base.metadata.tables["ended_sandboxes"])


async def end(session: AsyncSession, *conditions: ColumnElement[bool], actor: str, reason: StopReason) -> list[str]:
    """Mark sandboxes of one workspace ``deleting``, with their place in its history; their identifiers.

    What had ended one before, like a start that failed, stays its reason. The session must come from
    ``database.write(workspace_id)``; the caller then has the runtime let go of them.
    """
    rows = (await session.execute(_ROWS.where(*conditions))).all()
    for row in rows:
        stopped = row.stop_reason or reason
        gone = {"state": "deleting", "template_id": None, "pool_id": None, "expires_at": None}
        values = gone | {"stop_reason": stopped, "updated_at": now()}
        await session.execute(update(Sandbox).where(Sandbox.id == row.id).values(values))
        if row.warm:
            await _drop_from_pool(session, row, actor, stopped)
        else:
            await _keep(session, row, actor, stopped)
    return [row.id for row in rows]


async def _keep(session: AsyncSession, row: Row[Any], actor: str, reason: str) -> None:
    kept = ("id", "workspace_id", "name", "pool_name", "status_kind", "status_message", "created_by", "created_at")
    values = {field: getattr(row, field) for field in (*kept, "ready_at")}
    template_name = row.template_name or ""
    ended = {"template_name": template_name, "stop_reason": reason, "ended_by": actor, "ended_at": now()}
    await session.execute(_INSERT, values | ended)
    subject = Subject("sandbox", row.id, row.name, row.workspace_id)
    await record(session, subject, "deleting", actor=actor, data={"stop_reason": reason})


async def _drop_from_pool(session: AsyncSession, row: Row[Any], actor: str, reason: str) -> None:
    """The end of a pool itself says it of all its warm sandboxes."""
    if reason == "pool_deleted" or row.pool_id is None:
        return
    pool = Subject("pool", row.pool_id, row.pool_name, row.workspace_id)
    await record_warm(session, pool, "warm_dropped", actor=actor, sandbox_id=row.id, data={"reason": reason})


async def record_warm(
    session: AsyncSession, pool: Pool | Subject, what: str, *, actor: str, sandbox_id: str, data: dict[str, Any]
) -> None:
    """Record what happened to one of a pool's warm sandboxes, with how many are ready now."""
    ready = await count_ready(session, pool.id)
    data = {"sandbox_id": sandbox_id, **data, "ready_replicas": ready}
    await record(session, pool, what, actor=actor, data=data)


async def count_ready(session: AsyncSession, pool_id: str) -> int:
    """How many warm sandboxes of a pool can be claimed."""
    return await session.scalar(_COUNT_READY, {"pool": pool_id}) or 0
