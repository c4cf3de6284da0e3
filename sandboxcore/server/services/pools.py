"""Pools: how many sandboxes of a template are kept warm, and taking one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import case, delete, func, or_, select, update
from sqlalchemy.orm import contains_eager
from sqlalchemy.orm.attributes import set_committed_value

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Pool, Sandbox, Template
from sandboxcore.server.errors import ApiError, NotFoundError
from sandboxcore.server.names import is_id, new_id, new_sandbox_name
from sandboxcore.server.services._conflicts import unique_name
from sandboxcore.server.services.ending import end
from sandboxcore.server.services.events import record
from sandboxcore.server.services.leases import lease_for
from sandboxcore.server.services.limits import check_name
from sandboxcore.server.services.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

WARM_MARK = "~"
"""Begins the name of a warm sandbox, which no name that a person gives can."""
LIVING = ("provisioning", "ready")


MissReason = Literal["empty", "paused", "failing", "limited", "dead"]


@dataclass(frozen=True, slots=True)
class Miss:
    """A pool that had no warm sandbox to give, and why."""

    pool_id: str
    reason: MissReason


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool and its warm sandboxes, by state."""

    id: str
    workspace_id: str
    template_id: str
    replicas: int
    living: int
    status_message: str | None


async def create_pool(database: Database, *, actor: Caller, name: str, template_name: str, replicas: int) -> str:
    """A new pool, still empty; its identifier. Raises ``ApiError`` (400) or ``ConflictError``."""
    check_name(name)
    moment = now()
    with unique_name("pool", name):
        async with database.write(actor.workspace_id) as session:
            template = await _poolable_template(session, actor, template_name)
            pool = Pool(
                id=new_id(),
                workspace_id=actor.workspace_id,
                template_id=template.id,
                name=name,
                replicas=replicas,
                created_at=moment,
                updated_at=moment,
                created_by=actor.actor,
            )
            session.add(pool)
            data = {"template": template.name, "replicas": replicas}
            await record(session, pool, "created", actor=actor.actor, data=data)
    return pool.id


async def _poolable_template(session: AsyncSession, caller: Caller, name: str) -> Template:
    try:
        template = await find_template(session, caller, name)
    except NotFoundError as error:
        raise ApiError(400, "TemplateNotFound", error.message) from None
    if template.mounts:
        message = (
            f"template '{template.name}' mounts volumes; a pool's sandboxes cannot share them before they are claimed"
        )
        raise ApiError(400, "ValidationError", message)
    return template


_READY = func.coalesce(func.sum(case((Sandbox.state == "ready", 1), else_=0)), 0)
POOLS = (
    select(*Pool.__table__.c, Template.name.label("template_name"), _READY.label("ready_replicas"))
    .join(Template, Template.id == Pool.template_id)
    .outerjoin(Sandbox, (Sandbox.pool_id == Pool.id) & Sandbox.warm)
    .group_by(*Pool.__table__.c, Template.name)
    .order_by(Pool.created_at, Pool.id)
)


async def list_pools(database: Database, *, caller: Caller) -> Sequence[Row[Any]]:
    """Every pool of the workspace, oldest first."""
    return await database.fetch_all(POOLS.where(Pool.workspace_id == caller.workspace_id), {})


async def get_pool(database: Database, *, caller: Caller, name: str) -> Row[Any]:
    """The pool of this name or identifier. Raises ``NotFoundError``."""
    condition = or_(Pool.name == name, Pool.id == name) if is_id(name) else Pool.name == name
    found = await database.fetch_one(POOLS.where(Pool.workspace_id == caller.workspace_id, condition), {})
    if found is None:
        raise NotFoundError("pool", name)
    return found


async def update_pool(
    database: Database, *, actor: Caller, name: str, new_name: str | None, replicas: int | None
) -> str:
    """Change what is given; the pool's identifier. Raises ``NotFoundError``, ``ConflictError`` or ``InvalidError``."""
    if new_name is not None:
        check_name(new_name)
    with unique_name("pool", new_name or ""):
        async with database.write(actor.workspace_id) as session:
            pool = await _find(session, actor, name)
            before = pool.name, pool.replicas
            pool.name = new_name or pool.name
            pool.replicas = pool.replicas if replicas is None else replicas
            pool.updated_at = now()
            await _record_changes(session, pool, before, actor.actor)
    return pool.id


async def delete_pool(database: Database, *, actor: Caller, name: str) -> list[str]:
    """Remove a pool; the identifiers of its warm sandboxes, which are now to be ended. Claimed ones stay.

    Raises ``NotFoundError``.
    """
    async with database.write(actor.workspace_id) as session:
        pool = await _find(session, actor, name)
        warm = (Sandbox.pool_id == pool.id) & Sandbox.warm
        members = await end(session, warm, actor=actor.actor, reason="pool_deleted")
        await session.execute(update(Sandbox).where(Sandbox.pool_id == pool.id).values(pool_id=None))
        await session.execute(delete(Pool).where(Pool.id == pool.id))
        await record(session, pool, "deleted", actor=actor.actor, data={"warm": len(members)})
    return members


async def claim(session: AsyncSession, template: Template) -> Sandbox | None:
    """A warm sandbox of the template that nobody else takes, in the caller's transaction; None where there is none.

    Its template and pool are loaded. Of several pools the one whose sandbox has waited longest gives it.
    """
    query = (
        select(Sandbox)
        .join(Sandbox.pool)
        .where(Pool.template_id == template.id, Sandbox.warm, Sandbox.state == "ready")
        .order_by(Sandbox.ready_at)
        .limit(1)
        .options(contains_eager(Sandbox.pool))
        .with_for_update(of=Sandbox, skip_locked=True)
    )
    found: Sandbox | None = await session.scalar(query)
    if found is not None:
        set_committed_value(found, "template", template)
    return found


async def why_missed(session: AsyncSession, template: Template) -> Miss | None:
    """Why ``claim`` found nothing, and which pool should have had it; None where the template has no pool."""
    query = (
        select(Pool.id, Pool.replicas, Pool.limited, Pool.status_message)
        .where(Pool.template_id == template.id)
        .order_by(case((Pool.replicas == 0, 1), else_=0), Pool.created_at)
        .limit(1)
    )
    pool = (await session.execute(query)).first()
    if pool is None:
        return None
    if pool.replicas == 0:
        return Miss(pool.id, "paused")
    if pool.status_message is None:
        return Miss(pool.id, "empty")
    return Miss(pool.id, "limited" if pool.limited else "failing")


async def pool_states(database: Database) -> list[PoolState]:
    """Every pool of every workspace."""
    living = func.coalesce(func.sum(case((Sandbox.state.in_(LIVING), 1), else_=0)), 0)
    query = (
        select(Pool.id, Pool.workspace_id, Pool.template_id, Pool.replicas, living.label("living"), Pool.status_message)
        .outerjoin(Sandbox, (Sandbox.pool_id == Pool.id) & Sandbox.warm)
        .group_by(Pool.id, Pool.workspace_id, Pool.template_id, Pool.replicas, Pool.status_message)
    )
    return [PoolState(**row._mapping) for row in await database.fetch_all(query, {})]


async def add_warm(database: Database, *, actor: str, pool: PoolState, starter: str) -> str | None:
    """Want one more warm sandbox, which ``starter`` starts; its identifier, or None when the pool is gone or full."""
    moment = now()
    async with database.write(pool.workspace_id) as session:
        wanted = await session.scalar(select(Pool.replicas).where(Pool.id == pool.id).with_for_update())
        warm = select(func.count()).where(Sandbox.pool_id == pool.id, Sandbox.warm, Sandbox.state.in_(LIVING))
        if wanted is None or (await session.scalar(warm) or 0) >= wanted:
            return None
        sandbox = Sandbox(
            id=new_id(),
            workspace_id=pool.workspace_id,
            template_id=pool.template_id,
            pool_id=pool.id,
            warm=True,
            awaited=False,
            name=WARM_MARK + new_sandbox_name(),
            state="provisioning",
            ttl_seconds=0,
            idle_ttl_seconds=0,
            created_at=moment,
            updated_at=moment,
            last_activity_at=moment,
            created_by=actor,
            **lease_for(starter),
        )
        session.add(sandbox)
    return sandbox.id


async def drop_warm(database: Database, *, actor: str, pool: PoolState, surplus: int) -> list[str]:
    """Mark failed warm sandboxes and ``surplus`` living ones ``deleting``, those not ready first; which ones."""
    warm = (Sandbox.pool_id == pool.id, Sandbox.warm)
    order = case((Sandbox.state == "provisioning", 0), else_=1)
    async with database.write(pool.workspace_id) as session:
        members = list(await session.scalars(select(Sandbox.id).where(*warm, Sandbox.state == "failed")))
        if surplus > 0:
            living = select(Sandbox.id).where(*warm, Sandbox.state.in_(LIVING))
            members += list(await session.scalars(living.order_by(order, Sandbox.created_at.desc()).limit(surplus)))
        return await end(session, Sandbox.id.in_(members), actor=actor, reason="pool_scaled_down")


async def failure_of(database: Database, pool: PoolState) -> str | None:
    """Why a warm sandbox of the pool failed, where one did."""
    query = select(Sandbox.status_message).where(Sandbox.pool_id == pool.id, Sandbox.warm, Sandbox.state == "failed")
    row = await database.fetch_one(query.limit(1), {})
    return None if row is None else row[0] or "it failed without a word"


async def set_message(database: Database, *, actor: str, pool: PoolState, message: str | None) -> None:
    """Record why the pool cannot be filled, or that it can."""
    async with database.write(pool.workspace_id) as session:
        row: Pool | None = await session.scalar(select(Pool).where(Pool.id == pool.id).with_for_update())
        if row is None:
            return
        if message is None and row.status_message is not None:
            await record(session, row, "recovered", actor=actor)
        elif message is not None and row.status_message is None:
            await record(session, row, "failing", actor=actor, data={"message": message})
        row.status_message = message


async def _record_changes(session: AsyncSession, pool: Pool, before: tuple[str, int], actor: str) -> None:
    name, replicas = before
    if pool.name != name:
        await record(session, pool, "renamed", actor=actor, data={"before": name})
    if pool.replicas != replicas:
        what = "paused" if not pool.replicas else "scaled" if replicas else "resumed"
        await record(session, pool, what, actor=actor, data={"before": replicas, "replicas": pool.replicas})


async def _find(session: AsyncSession, caller: Caller, name: str) -> Pool:
    condition = or_(Pool.name == name, Pool.id == name) if is_id(name) else Pool.name == name
    pool: Pool | None = await session.scalar(select(Pool).where(Pool.workspace_id == caller.workspace_id, condition))
    if pool is None:
        raise NotFoundError("pool", name)
    return pool
