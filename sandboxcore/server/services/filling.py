"""Filling pools: one more warm sandbox, one less, and what a pool says when it cannot be filled.

Each function decides in its transaction, by what the database holds then, so that servers that share it neither
overfill a pool nor start its one probe twice.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Pool, Sandbox, Template
from sandboxcore.server.names import new_id, new_sandbox_name
from sandboxcore.server.services import ledger, quota
from sandboxcore.server.services.ending import end
from sandboxcore.server.services.events import record
from sandboxcore.server.services.leases import lease_for
from sandboxcore.server.services.pools import LIVING, WARM_MARK
from sandboxcore.server.services.templates import WITH_MOUNTS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.errors import QuotaExceededError

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
JITTER = 0.2
"""By which share a pause is made longer or shorter, so that pools that failed together do not try together."""
LIMITED_PAUSE = 5.0
"""Between two tries to fit into the workspace's limits; one is made at once when a sandbox of this server ends."""
STEADY_SECONDS = 10.0
"""After so long without a failure a pool that is full has its failures forgotten."""
MOST_STARTS = 4
"""Most warm sandboxes of one pool that start at a time, by all servers."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool that is not as it is wanted, with its warm sandboxes by state."""

    id: str
    workspace_id: str
    replicas: int
    ready: int
    starting: int
    failed: int
    aged: int
    """Those that are ready and older than they may become."""
    failures: int
    retry_at: float | None
    limited: bool
    status_message: str | None

    @property
    def living(self) -> int:
        """Those that are ready or will be."""
        return self.ready + self.starting

    @property
    def is_full(self) -> bool:
        """Whether nothing is missing."""
        return self.ready >= self.replicas


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_READY = _count(Sandbox.state == "ready")
_STARTING = _count(Sandbox.state == "provisioning")
_FAILED = _count(Sandbox.state == "failed")
_AGED = _count((Sandbox.state == "ready") & (Sandbox.ready_at < bindparam("born_before")))
_COLUMNS = (
    Pool.id,
    Pool.workspace_id,
    Pool.replicas,
    Pool.failures,
    Pool.retry_at,
    Pool.limited,
    Pool.status_message,
)
_UNSETTLED = (
    select(
        *_COLUMNS,
        _READY.label("ready"),
        _STARTING.label("starting"),
        _FAILED.label("failed"),
        _AGED.label("aged"),
    )
    .outerjoin(Sandbox, (Sandbox.pool_id == Pool.id) & Sandbox.warm)
    .group_by(*_COLUMNS)
    .having(
        or_(
            Pool.replicas != _READY,
            _STARTING > 0,
            _FAILED > 0,
            _AGED > 0,
            Pool.failures > 0,
            Pool.status_message.is_not(None),
        )
    )
    .order_by(Pool.id)
)


async def unsettled(database: Database, *, max_age: float) -> list[PoolState]:
    """Every pool, of any workspace, about which there is something to do or to say; ``max_age`` in seconds, 0 none."""
    born_before = now() - max_age if max_age else 0
    return [PoolState(**row._mapping) for row in await database.fetch_all(_UNSETTLED, {"born_before": born_before})]


async def add_warm(
    database: Database, *, actor: str, pool: PoolState, starter: str, was_freed: bool = False
) -> Sandbox | None:
    """Want one more warm sandbox, which ``starter`` is to start, its template loaded; None where none may start now:
    the pool is gone, full, or waits after a failure, or the workspace's limits leave no room.

    ``was_freed`` says that room may have come since they left none.
    """
    async with database.write(pool.workspace_id) as session:
        row = await _locked(session, pool.id)
        if row is None or not await _may_start(session, row, was_freed=was_freed):
            return None
        by_id = select(Template).where(Template.id == row.template_id).options(WITH_MOUNTS)
        template: Template = (await session.scalars(by_id)).one()
        asked = quota.sandbox_of(template)
        refusal = await quota.room_for(session, row.workspace_id, asked)
        if refusal is not None:
            await _say_limited(session, row, refusal, actor)
            return None
        sandbox = _warm_sandbox(row, template, asked, actor, starter)
        session.add(sandbox)
        await ledger.open_warm(session, sandbox, template_name=template.name, pool_name=row.name)
    return sandbox


async def _may_start(session: AsyncSession, row: Pool, *, was_freed: bool) -> bool:
    states = select(Sandbox.state, func.count()).where(
        Sandbox.pool_id == row.id, Sandbox.warm, Sandbox.state.in_((*LIVING, "failed"))
    )
    counts = {found[0]: found[1] for found in (await session.execute(states.group_by(Sandbox.state))).all()}
    if counts.get("failed"):
        return False  # first this one is counted and paused for: those that fail at once would go on without an end
    starting = counts.get("provisioning", 0)
    if sum(counts.values()) >= row.replicas:
        return False
    # After a failure one start at a time is a probe: it shows whether more are worth trying.
    if starting >= (1 if row.failures else MOST_STARTS):
        return False
    return row.retry_at is None or row.retry_at <= now() or (row.limited and was_freed)


async def _say_limited(session: AsyncSession, row: Pool, refusal: QuotaExceededError, actor: str) -> None:
    if not row.limited:
        await record(session, row, "limited", actor=actor, data={"message": refusal.message})
    row.limited, row.status_message, row.retry_at = True, refusal.message, now() + LIMITED_PAUSE


def _warm_sandbox(row: Pool, template: Template, asked: quota.Amount, actor: str, starter: str) -> Sandbox:
    moment = now()
    return Sandbox(
        id=new_id(),
        workspace_id=row.workspace_id,
        template=template,
        pool=row,
        warm=True,
        awaited=False,
        name=WARM_MARK + new_sandbox_name(),
        state="provisioning",
        cpu_millis=asked.cpu_millis,
        memory_bytes=asked.memory_bytes,
        storage_bytes=asked.storage_bytes,
        ttl_seconds=0,
        idle_ttl_seconds=0,
        created_at=moment,
        updated_at=moment,
        last_activity_at=moment,
        created_by=actor,
        **lease_for(starter),
    )


async def drop_failed(database: Database, *, actor: str, pool: PoolState) -> list[str]:
    """Mark the pool's failed warm sandboxes ``deleting``, say why they failed and pause; which ones.

    What fails during a pause was started before it, and counts for nothing more.
    """
    failed = (Sandbox.pool_id == pool.id) & Sandbox.warm & (Sandbox.state == "failed")
    query = select(Sandbox.status_kind, Sandbox.status_message).where(failed).order_by(Sandbox.updated_at.desc())
    async with database.write(pool.workspace_id) as session:
        row = await _locked(session, pool.id)
        newest = (await session.execute(query.limit(1))).first()
        if row is None or newest is None:
            return []  # gone meanwhile, or another server was first
        message = newest.status_message or "it failed without a word"
        message = f"{newest.status_kind}: {message}" if newest.status_kind else message
        if row.retry_at is None or row.retry_at <= now() or row.limited:
            row.failures += 1
            row.retry_at = now() + pause_after(row.failures)
        if row.status_message is None or row.limited:
            await record(session, row, "failing", actor=actor, data={"message": message})
        row.limited, row.status_message = False, message
        return await end(session, failed, actor=actor, reason="died")


def pause_after(failures: int) -> float:
    """Seconds until the next try: doubled by each failure, up to a longest."""
    pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 30), LONGEST_PAUSE)
    return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # nothing secret


async def drop_surplus(database: Database, *, actor: str, pool: PoolState) -> list[str]:
    """Mark ``deleting`` what is more than the pool wants now, those not ready first; which ones."""
    order = case((Sandbox.state == "provisioning", 0), else_=1)
    living = select(Sandbox.id).where(Sandbox.pool_id == pool.id, Sandbox.warm, Sandbox.state.in_(LIVING))
    async with database.write(pool.workspace_id) as session:
        row = await _locked(session, pool.id)
        members = list(await session.scalars(living.order_by(order, Sandbox.created_at.desc())))
        surplus = len(members) - (row.replicas if row else len(members))
        if surplus <= 0:
            return []
        return await end(session, Sandbox.id.in_(members[:surplus]), actor=actor, reason="pool_scaled_down")


async def drop_oldest(database: Database, *, actor: str, pool: PoolState, max_age: float) -> list[str]:
    """Mark the oldest warm sandbox ``deleting`` where it is older than ``max_age`` seconds and the pool is full."""
    ready = (Sandbox.pool_id == pool.id) & Sandbox.warm & (Sandbox.state == "ready")
    async with database.write(pool.workspace_id) as session:
        row = await _locked(session, pool.id)
        members = (
            await session.execute(select(Sandbox.id, Sandbox.ready_at).where(ready).order_by(Sandbox.ready_at))
        ).all()
        if row is None or not members or len(members) < row.replicas or members[0].ready_at > now() - max_age:
            return []
        return await end(session, Sandbox.id == members[0].id, actor=actor, reason="pool_aged")


async def say_full(database: Database, *, actor: str, pool: PoolState) -> None:
    """Take back what a full pool said, and forget its failures once they are long enough ago."""
    async with database.write(pool.workspace_id) as session:
        row = await _locked(session, pool.id)
        if row is None:
            return
        if row.status_message is not None:
            await record(session, row, "recovered", actor=actor)
            row.status_message, row.limited = None, False
        if row.retry_at is None or row.retry_at + STEADY_SECONDS <= now():
            row.failures, row.retry_at = 0, None


def has_to_say_full(pool: PoolState) -> bool:
    """Whether ``say_full`` would change anything."""
    long_ago = pool.retry_at is None or pool.retry_at + STEADY_SECONDS <= now()
    return pool.is_full and not pool.failed and (pool.status_message is not None or (pool.failures > 0 and long_ago))


async def _locked(session: AsyncSession, pool_id: str) -> Pool | None:
    row: Pool | None = await session.scalar(select(Pool).where(Pool.id == pool_id).with_for_update())
    return row


async def warm_ready(database: Database, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Identifier and shim socket of ready warm sandboxes, of any pool, by identifier from the one after ``after``."""
    query = select(Sandbox.id, Sandbox.shim_socket).where(
        Sandbox.pool_id.is_not(None), Sandbox.warm, Sandbox.state == "ready", Sandbox.id > after
    )
    rows = await database.fetch_all(query.order_by(Sandbox.id).limit(limit), {})
    return [(row.id, row.shim_socket or "") for row in rows]
