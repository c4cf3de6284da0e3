"""Pools: how many sandboxes of a template are kept warm, and taking one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import bindparam, case, delete, func, or_, select, update
from sqlalchemy.orm import contains_eager

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Pool, Sandbox, Template
from sandboxcore.server.errors import ApiError, NotFoundError
from sandboxcore.server.names import is_id, new_id
from sandboxcore.server.services import ledger, quota
from sandboxcore.server.services._conflicts import unique_name
from sandboxcore.server.services.ending import end, record_warm
from sandboxcore.server.services.events import record
from sandboxcore.server.services.limits import check_name
from sandboxcore.server.services.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

WARM_MARK = "~"
"""Begins the name of a warm sandbox, which no name that a person gives can."""
LIVING = ("provisioning", "ready")
MOST_DEAD = 10
"""Dead warm sandboxes that one claim meets before it gives up on the pool."""
DIED_WARM = "a warm sandbox ended by itself while it waited to be claimed"


MissReason = Literal["empty", "paused", "failing", "limited", "dead"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim found: a warm sandbox or none, and how many that were dead."""

    sandbox: Sandbox | None
    dead: int


@dataclass(frozen=True, slots=True)
class Miss:
    """A pool that had no warm sandbox to give, and why."""

    pool_id: str
    reason: MissReason


async def create_pool(database: Database, *, actor: Caller, name: str, template_name: str, replicas: int) -> str:
    """A new pool, still empty; its identifier.

    Raises ``ApiError`` (400), ``ConflictError``, or ``QuotaExceededError`` where its replicas would not fit now.
    """
    check_name(name)
    moment = now()
    with unique_name("pool", name):
        async with database.write(actor.workspace_id) as session:
            template = await _poolable_template(session, actor, template_name)
            asked = replace(quota.sandbox_of(template).times(replicas), pools=1)
            await quota.take(session, actor.workspace_id, asked, model=Pool, name=name)
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
    """Change what is given; the pool's identifier.

    Raises ``NotFoundError``, ``ConflictError``, ``InvalidError``, or ``QuotaExceededError`` where more replicas would
    not fit now.
    """
    if new_name is not None:
        check_name(new_name)
    with unique_name("pool", new_name or ""):
        async with database.write(actor.workspace_id) as session:
            pool = await _find(session, actor, name)
            before = pool.name, pool.replicas
            if replicas is not None and replicas > pool.replicas:
                await _take_more(session, pool, replicas)
            pool.name = new_name or pool.name
            if replicas is not None:
                pool.replicas = replicas
                pool.retry_at = None  # somebody wants it tried now
            pool.updated_at = now()
            await _record_changes(session, pool, before, actor.actor)
    return pool.id


async def _take_more(session: AsyncSession, pool: Pool, replicas: int) -> None:
    """Raises ``QuotaExceededError`` where what the pool lacks of so many replicas would not fit now."""
    living = select(func.count()).where(Sandbox.pool_id == pool.id, Sandbox.warm, Sandbox.state.in_(LIVING))
    missing = max(0, replicas - (await session.scalar(living) or 0))
    asked = quota.sandbox_of(await _template(session, pool.template_id)).times(missing)
    await quota.take(session, pool.workspace_id, asked)


async def _template(session: AsyncSession, template_id: str) -> Template:
    return (await session.execute(select(Template).where(Template.id == template_id))).scalar_one()


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


_WARM = (
    select(Sandbox)
    .join(Sandbox.pool)
    .join(Sandbox.template)
    .where(Template.workspace_id == bindparam("workspace_id"), Sandbox.warm, Sandbox.state == "ready")
    .order_by(Sandbox.ready_at)
    .limit(1)
    .options(contains_eager(Sandbox.pool).load_only(Pool.workspace_id, Pool.name))
    .options(contains_eager(Sandbox.template).load_only(Template.name))
    .with_for_update(of=Sandbox, skip_locked=True)
)
_WARM_BY_NAME = _WARM.where(Template.name == bindparam("template"))
_WARM_BY_ID = _WARM.where(Template.id == bindparam("template"))


async def claim(
    session: AsyncSession, *, workspace_id: str, template_name: str, is_alive: Callable[[str], bool]
) -> Claimed:
    """A warm sandbox of the template of this name or identifier that nobody else takes, in the caller's transaction.

    Its template and pool are loaded. Of several pools the one whose sandbox has waited longest gives it. Sandboxes that
    turn out to be dead by ``is_alive``, which is asked with the shim's socket and must not wait, are marked failed.
    """
    queries = [_WARM_BY_NAME, *([_WARM_BY_ID] if is_id(template_name) else [])]
    wanted = {"workspace_id": workspace_id, "template": template_name}
    dead = 0
    while queries and dead < MOST_DEAD:
        found: Sandbox | None = await session.scalar(queries[0], wanted)
        if found is None:
            del queries[0]
        elif is_alive(found.shim_socket or ""):
            return Claimed(found, dead)
        else:
            await _mark_dead(session, found)
            dead += 1
    return Claimed(None, dead)


async def _mark_dead(session: AsyncSession, sandbox: Sandbox) -> None:
    """For the pool's keeper to remove and replace."""
    sandbox.state, sandbox.status_kind, sandbox.stop_reason = "failed", "CrashLoop", "died"
    sandbox.status_message = DIED_WARM
    sandbox.cpu_millis = sandbox.memory_bytes = sandbox.storage_bytes = 0
    sandbox.updated_at = now()
    await session.flush()
    await ledger.close(session, sandbox.id)
    data = {"kind": "CrashLoop", "message": DIED_WARM, "stop_reason": "died"}
    if sandbox.pool is not None:
        await record_warm(session, sandbox.pool, "warm_failed", actor="system", sandbox_id=sandbox.id, data=data)


_FIRST_OF_TEMPLATE = (
    select(Pool.id, Pool.replicas, Pool.limited, Pool.status_message)
    .where(Pool.template_id == bindparam("template_id"))
    .order_by(case((Pool.replicas == 0, 1), else_=0), Pool.created_at)
    .limit(1)
)


async def why_missed(session: AsyncSession, template: Template, claimed: Claimed) -> Miss | None:
    """Why ``claim`` gave nothing, and which pool should have had it; None where the template has no pool."""
    pool = (await session.execute(_FIRST_OF_TEMPLATE, {"template_id": template.id})).first()
    if pool is None:
        return None
    if pool.replicas == 0:
        return Miss(pool.id, "paused")
    if claimed.dead:
        return Miss(pool.id, "dead")
    if pool.status_message is None:
        return Miss(pool.id, "empty")
    return Miss(pool.id, "limited" if pool.limited else "failing")


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
