"""Sandboxes: wanting one, finding it, changing it, wanting it gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Pool, Sandbox, Template, TemplateMount
from sandboxcore.server.errors import NotFoundError
from sandboxcore.server.names import is_id, new_id, new_sandbox_name
from sandboxcore.server.services._conflicts import name_taken, unique_name
from sandboxcore.server.services._rows import writing_to
from sandboxcore.server.services.pools import WARM_MARK, claim
from sandboxcore.server.services.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.runtimes.base import RuntimeSandbox
    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

WITH_TEMPLATE = joinedload(Sandbox.template).load_only(Template.name)
WITH_POOL = joinedload(Sandbox.pool)
VISIBLE = (Sandbox.state != "deleting", ~Sandbox.warm)

_ROWS = (
    select(
        Sandbox.__table__,
        Template.name.label("template_name"),
        Pool.name.label("pool_name"),
    )
    .outerjoin(Template, Template.id == Sandbox.template_id)
    .outerjoin(Pool, Pool.id == Sandbox.pool_id)
    .where(Sandbox.workspace_id == bindparam("workspace_id"), *VISIBLE)
)
_LIST = _ROWS.order_by(Sandbox.created_at, Sandbox.id)
_BY_NAME = _ROWS.where(Sandbox.name == bindparam("name"))
_BY_ID = _ROWS.where(Sandbox.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds, whole minutes, 0 for none."""

    ttl_seconds: int
    idle_ttl_seconds: int

    def expires_at(self, created_at: float, last_activity_at: float) -> float | None:
        """The earlier of the two deadlines, or None."""
        deadlines = []
        if self.ttl_seconds:
            deadlines.append(created_at + self.ttl_seconds)
        if self.idle_ttl_seconds:
            deadlines.append(last_activity_at + self.idle_ttl_seconds)
        return min(deadlines, default=None)


@dataclass(frozen=True, slots=True)
class Created:
    """A sandbox that is wanted now, and whether this call made it."""

    sandbox: Sandbox
    is_new: bool


def lifetimes(sandbox: Sandbox | Row[Any]) -> Lifetimes:
    """The lifetimes of a sandbox."""
    return Lifetimes(sandbox.ttl_seconds, sandbox.idle_ttl_seconds)


async def create_sandbox(
    database: Database,
    *,
    actor: Caller,
    template_name: str,
    name: str | None,
    lives: Lifetimes,
    awaited: bool,
    idempotency_key: str | None = None,
) -> Created:
    """Want a new sandbox, in state ``provisioning``.

    The same ``idempotency_key`` again gives the sandbox that the first call made. Raises ``NotFoundError`` (template)
    or ``ConflictError`` (name taken).
    """
    try:
        async with database.write(actor.workspace_id) as session:
            earlier = await _by_idempotency_key(session, actor, idempotency_key)
            if earlier is not None:
                return Created(earlier, is_new=False)
            template = await find_template(session, actor, template_name)
            wanted = _wanted(actor, name, lives, idempotency_key)
            warm = await claim(session, template)
            if warm is not None:
                _take(warm, wanted)
                return Created(await _with_names(session, warm), is_new=True)
            unknown = awaited and name is None and idempotency_key is None
            sandbox = _new_sandbox(template, wanted, awaited=unknown)
            session.add(sandbox)
    except IntegrityError as error:
        return Created(await _after_collision(database, actor, name, idempotency_key, error), is_new=False)
    return Created(sandbox, is_new=True)


def _wanted(actor: Caller, name: str | None, lives: Lifetimes, idempotency_key: str | None) -> dict[str, Any]:
    """What the creator says of a sandbox, warm or new."""
    moment = now()
    return {
        "name": name,
        "idempotency_key": idempotency_key,
        "ttl_seconds": lives.ttl_seconds,
        "idle_ttl_seconds": lives.idle_ttl_seconds,
        "expires_at": lives.expires_at(moment, moment),
        "created_at": moment,
        "updated_at": moment,
        "last_activity_at": moment,
        "created_by": actor.actor,
    }


def _new_sandbox(template: Template, wanted: dict[str, Any], *, awaited: bool) -> Sandbox:
    return Sandbox(
        **wanted | {"name": wanted["name"] or new_sandbox_name()},
        id=new_id(),
        workspace_id=template.workspace_id,
        template=template,
        pool=None,
        warm=False,
        awaited=awaited,
        state="provisioning",
    )


def _take(sandbox: Sandbox, wanted: dict[str, Any]) -> None:
    """Make a pool's warm sandbox its claimant's; its life begins now."""
    sandbox.warm = False
    for field, value in (wanted | {"name": wanted["name"] or sandbox.name.removeprefix(WARM_MARK)}).items():
        setattr(sandbox, field, value)


async def _with_names(session: AsyncSession, sandbox: Sandbox) -> Sandbox:
    """The sandbox with its template and pool loaded."""
    await session.flush()
    query = select(Sandbox).where(Sandbox.id == sandbox.id).options(WITH_TEMPLATE, WITH_POOL)
    loaded: Sandbox | None = await session.scalar(query.execution_options(populate_existing=True))
    return loaded or sandbox


async def _by_idempotency_key(session: AsyncSession, caller: Caller, key: str | None) -> Sandbox | None:
    if key is None:
        return None
    query = select(Sandbox).where(
        Sandbox.workspace_id == caller.workspace_id, Sandbox.idempotency_key == key, Sandbox.state != "deleting"
    )
    found: Sandbox | None = await session.scalar(query.options(WITH_TEMPLATE, WITH_POOL))
    return found


async def _after_collision(
    database: Database, actor: Caller, name: str | None, idempotency_key: str | None, error: IntegrityError
) -> Sandbox:
    """What two calls at the same moment end in: the other's sandbox by idempotency key, else the name's refusal."""
    async with database.read() as session:
        earlier = await _by_idempotency_key(session, actor, idempotency_key)
    if earlier is not None:
        return earlier
    if "name" not in str(error.orig):
        raise error
    raise name_taken("sandbox", name or "?") from None


async def list_sandboxes(database: Database, *, caller: Caller) -> Sequence[Row[Any]]:
    """Every sandbox of the workspace, oldest first."""
    return await database.fetch_all(_LIST, {"workspace_id": caller.workspace_id})


async def get_sandbox(database: Database, *, caller: Caller, name: str) -> Row[Any]:
    """The sandbox of this name or identifier. Raises ``NotFoundError``."""
    found = await database.fetch_one(_BY_NAME, {"workspace_id": caller.workspace_id, "name": name})
    if found is None and is_id(name):
        found = await database.fetch_one(_BY_ID, {"workspace_id": caller.workspace_id, "id": name})
    if found is None:
        raise NotFoundError("sandbox", name)
    return found


async def update_sandbox(
    database: Database,
    *,
    actor: Caller,
    name: str,
    new_name: str | None = None,
    ttl_seconds: int | None = None,
    idle_ttl_seconds: int | None = None,
    activity: Callable[[str, float], float],
) -> Sandbox:
    """Change what is given; ``activity`` tells a sandbox's last use from its identifier and what the database holds.

    Raises ``NotFoundError`` or ``ConflictError`` (name taken).
    """
    with unique_name("sandbox", new_name or ""):
        async with database.write(actor.workspace_id) as session:
            sandbox = await _find(session, actor, name)
            sandbox.name = new_name or sandbox.name
            if ttl_seconds is not None:
                sandbox.ttl_seconds = ttl_seconds
            if idle_ttl_seconds is not None:
                sandbox.idle_ttl_seconds = idle_ttl_seconds
            sandbox.last_activity_at = activity(sandbox.id, sandbox.last_activity_at)
            sandbox.expires_at = lifetimes(sandbox).expires_at(sandbox.created_at, sandbox.last_activity_at)
            sandbox.updated_at = now()
    return sandbox


async def want_gone(database: Database, *, actor: Caller, name: str) -> str:
    """Mark a sandbox ``deleting``, which frees its name, and give its identifier. Raises ``NotFoundError``."""
    async with database.write(actor.workspace_id) as session:
        sandbox = await _find(session, actor, name)
        return await _mark_deleting(session, sandbox.id)


async def want_gone_by_system(
    database: Database, *, actor: str, sandbox_id: str, expired_by: float | None = None
) -> bool:
    """Mark a sandbox ``deleting`` without a caller; with ``expired_by`` only when its time has come by then."""
    del actor
    condition = [Sandbox.id == sandbox_id, Sandbox.state != "deleting"]
    if expired_by is not None:
        condition.append(Sandbox.expires_at <= expired_by)
    async with writing_to(database, Sandbox, sandbox_id) as session:
        found = await session.scalar(select(Sandbox.id).where(*condition))
        if found is not None:
            await _mark_deleting(session, found)
    return found is not None


async def _mark_deleting(session: AsyncSession, sandbox_id: str) -> str:
    await session.execute(
        update(Sandbox)
        .where(Sandbox.id == sandbox_id)
        .values(state="deleting", template_id=None, pool_id=None, expires_at=None, updated_at=now())
    )
    return sandbox_id


async def forget(database: Database, *, actor: str, sandbox_id: str) -> None:
    """Remove the row of a sandbox that the runtime has let go of."""
    del actor
    async with writing_to(database, Sandbox, sandbox_id) as session:
        await session.execute(delete(Sandbox).where(Sandbox.id == sandbox_id, Sandbox.state == "deleting"))


async def mark_ready(database: Database, *, actor: str, made: RuntimeSandbox) -> bool:
    """Record that a sandbox runs; False when it is not wanted any more."""
    del actor
    moment = now()
    values = {"state": "ready", "shim_socket": str(made.shim_socket), "ready_at": moment, "updated_at": moment}
    return await _leave(database, made.id, ("provisioning",), values | {"awaited": False})


async def mark_failed(
    database: Database, *, actor: str, sandbox_id: str, kind: str, message: str, stop_reason: str | None = None
) -> bool:
    """Record that a sandbox did not start, or ended by itself; False when it is not wanted any more."""
    del actor
    values = {"state": "failed", "status_kind": kind, "status_message": message, "stop_reason": stop_reason}
    return await _leave(database, sandbox_id, ("provisioning", "ready"), values | {"updated_at": now()})


async def _leave(database: Database, sandbox_id: str, states: tuple[str, ...], values: dict[str, object]) -> bool:
    query = (
        update(Sandbox).where(Sandbox.id == sandbox_id, Sandbox.state.in_(states)).values(values).returning(Sandbox.id)
    )
    async with writing_to(database, Sandbox, sandbox_id) as session:
        return await session.scalar(query) is not None


async def record_activity(database: Database, *, actor: str, moments: dict[str, float]) -> None:
    """Write down when each sandbox was last used, and move its idle deadline."""
    del actor
    async with database.write() as session:
        for sandbox in await session.scalars(select(Sandbox).where(Sandbox.id.in_(moments), *VISIBLE)):
            sandbox.last_activity_at = max(sandbox.last_activity_at, moments[sandbox.id])
            sandbox.expires_at = lifetimes(sandbox).expires_at(sandbox.created_at, sandbox.last_activity_at)


async def load_for_start(database: Database, sandbox_id: str) -> Sandbox | None:
    """A sandbox that is to be started, with its template and mounts; None when it is not wanted any more."""
    mounts = selectinload(Template.mounts).joinedload(TemplateMount.volume)
    query = select(Sandbox).where(Sandbox.id == sandbox_id, Sandbox.state == "provisioning")
    async with database.read() as session:
        found: Sandbox | None = await session.scalar(
            query.options(joinedload(Sandbox.template).options(mounts), WITH_POOL)
        )
        return found


async def _find(session: AsyncSession, caller: Caller, name: str) -> Sandbox:
    condition = or_(Sandbox.name == name, Sandbox.id == name) if is_id(name) else Sandbox.name == name
    query = select(Sandbox).where(Sandbox.workspace_id == caller.workspace_id, condition, *VISIBLE)
    sandbox: Sandbox | None = await session.scalar(query.options(WITH_TEMPLATE, WITH_POOL))
    if sandbox is None:
        raise NotFoundError("sandbox", name)
    return sandbox
