"""Sandboxes: wanting one, finding it, changing it, wanting it gone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from sandboxcore.server.clock import iso, now
from sandboxcore.server.db.models import IS_WANTED, Base, Pool, Sandbox, Template, TemplateMount
from sandboxcore.server.errors import ConflictError, NotFoundError
from sandboxcore.server.names import is_id, new_id, new_sandbox_name
from sandboxcore.server.services import ledger, quota
from sandboxcore.server.services._conflicts import name_taken, unique_name
from sandboxcore.server.services._rows import SANDBOXES, writing_to
from sandboxcore.server.services.ending import count_ready, end, record_warm
from sandboxcore.server.services.events import Subject, record, record_all
from sandboxcore.server.services.leases import lease_for
from sandboxcore.server.services.lifetimes import Lifetimes
from sandboxcore.server.services.pools import WARM_MARK, claim, why_missed
from sandboxcore.server.services.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.runtimes.base import RuntimeSandbox
    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.services.ending import StopReason
    from sandboxcore.server.services.phases import Way
    from sandboxcore.server.services.pools import Miss

WITH_TEMPLATE = joinedload(Sandbox.template).load_only(Template.name)
WITH_POOL = joinedload(Sandbox.pool)
VISIBLE = (IS_WANTED, ~Sandbox.warm)
HOLDS_NOTHING = {"cpu_millis": 0, "memory_bytes": 0, "storage_bytes": 0}
MOST_AT_A_TIME = 500
"""Sandboxes whose use is written down in one statement."""

ROWS = SANDBOXES.where(*VISIBLE)
"""Every sandbox that is somebody's, of all workspaces, as its view needs it."""
_ROWS = ROWS.where(Sandbox.workspace_id == bindparam("workspace_id"))
_LIST = _ROWS.order_by(Sandbox.created_at, Sandbox.id)
_BY_NAME = _ROWS.where(Sandbox.name == bindparam("name"))
_BY_ID = _ROWS.where(Sandbox.id == bindparam("id"))
_TAKEN = (
    *("name", "warm", "idempotency_key", "created_by", "created_at", "updated_at"),
    *("ttl_seconds", "idle_ttl_seconds", "expires_at", "last_activity_at"),
)
_SANDBOXES = Base.metadata.tables["sandboxes"]
_INSERT = insert(_SANDBOXES)
_LEAVE = (
    update(_SANDBOXES)
    .where(_SANDBOXES.c.id == bindparam("left"), _SANDBOXES.c.state.in_(bindparam("states", expanding=True)))
    .returning(*(_SANDBOXES.c[name] for name in ("id", "workspace_id", "name", "created_at", "warm", "pool_id")))
)
_TAKE = (
    update(_SANDBOXES)
    .where(_SANDBOXES.c.id == bindparam("taken"))
    .values({field: bindparam(field) for field in _TAKEN})
)


@dataclass(frozen=True, slots=True)
class Created:
    """A sandbox that is wanted now, and whether this call made it."""

    sandbox: Sandbox
    is_new: bool
    missed: Miss | None = None
    """Why it is no warm one, where its template has a pool."""


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
    starter: str,
    is_alive: Callable[[str], bool],
    idempotency_key: str | None = None,
) -> Created:
    """Want a new sandbox, in state ``provisioning``, which ``starter`` starts; or take a pool's warm one.

    ``is_alive`` tells, without waiting, whether a shim listens at a socket.
    The same ``idempotency_key`` again gives the sandbox that the first call made. Raises ``NotFoundError`` (template),
    ``ConflictError`` (name taken) or ``QuotaExceededError``; a warm one is in the quota already.
    """
    try:
        async with database.write(actor.workspace_id) as session:
            earlier = await _by_idempotency_key(session, actor, idempotency_key)
            if earlier is not None:
                return Created(_same(earlier, template_name, name), is_new=False)
            wanted = _wanted(actor, name, lives, idempotency_key)
            claimed = await claim(
                session, workspace_id=actor.workspace_id, template_name=template_name, is_alive=is_alive
            )
            if claimed.sandbox is not None:
                await _take(session, claimed.sandbox, wanted)
                await _record_claim(session, claimed.sandbox, actor.actor)
                return Created(claimed.sandbox, is_new=True)
            template = await find_template(session, actor, template_name)
            missed = await why_missed(session, template, claimed)
            await quota.take(session, actor.workspace_id, quota.sandbox_of(template), name=name)
            unknown = awaited and name is None and idempotency_key is None
            sandbox = await _insert(session, template, wanted | lease_for(starter), awaited=unknown)
            data = {"template": template.name, "pool": None, "start": "cold", "awaited": awaited}
            await record(session, sandbox, "created", actor=actor.actor, data=data)
            await ledger.open_sandbox(session, sandbox, template_name=template.name)
    except IntegrityError as error:
        earlier = await _after_collision(database, actor, name, idempotency_key, error)
        return Created(_same(earlier, template_name, name), is_new=False)
    return Created(sandbox, is_new=True, missed=missed)


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


async def _insert(session: AsyncSession, template: Template, wanted: dict[str, Any], *, awaited: bool) -> Sandbox:
    """A new row, and the sandbox with its template and no pool loaded; the session's own way takes three times as long.

    Raises ``IntegrityError`` (name or idempotency key taken).
    """
    held = quota.sandbox_of(template)
    values = {
        **wanted,
        "name": wanted["name"] or new_sandbox_name(),
        "id": new_id(),
        "workspace_id": template.workspace_id,
        "template_id": template.id,
        "warm": False,
        "awaited": awaited,
        "cpu_millis": held.cpu_millis,
        "memory_bytes": held.memory_bytes,
        "storage_bytes": held.storage_bytes,
        "state": "provisioning",
    }
    await session.execute(_INSERT, values)
    sandbox = Sandbox(**values)
    set_committed_value(sandbox, "template", template)
    set_committed_value(sandbox, "pool", None)
    return sandbox


async def _take(session: AsyncSession, sandbox: Sandbox, wanted: dict[str, Any]) -> None:
    """Make a pool's warm sandbox its claimant's; its life begins now."""
    values = wanted | {"name": wanted["name"] or sandbox.name.removeprefix(WARM_MARK), "warm": False}
    await session.execute(_TAKE, values | {"taken": sandbox.id})
    for field, value in values.items():
        set_committed_value(sandbox, field, value)


async def _record_claim(session: AsyncSession, sandbox: Sandbox, actor: str) -> None:
    """The sandbox's template and pool must be loaded."""
    pool = {"pool": sandbox.pool_name, "pool_id": sandbox.pool_id}
    created = {"template": sandbox.template_name, **pool, "start": "warm"}
    claimed = {**pool, "ready_replicas": await count_ready(session, sandbox.pool_id or "")}
    await record_all(session, [(sandbox, "created", created), (sandbox, "claimed", claimed)], actor=actor)
    await ledger.claim(session, sandbox, template_name=sandbox.template_name)


async def _by_idempotency_key(session: AsyncSession, caller: Caller, key: str | None) -> Sandbox | None:
    if key is None:
        return None
    query = select(Sandbox).where(
        Sandbox.workspace_id == caller.workspace_id, Sandbox.idempotency_key == key, IS_WANTED
    )
    found: Sandbox | None = await session.scalar(query.options(WITH_TEMPLATE, WITH_POOL))
    return found


def _same(earlier: Sandbox, template_name: str, name: str | None) -> Sandbox:
    """The sandbox that an idempotency key made, where it is asked for again. Raises ``ConflictError``."""
    if template_name not in (earlier.template_name, earlier.template_id) or name not in (None, earlier.name):
        raise ConflictError(
            "IdempotencyKeyReused",
            f"this Idempotency-Key has made sandbox '{earlier.name}' of template '{earlier.template_name}'; "
            "send a new one for another sandbox",
        )
    return earlier


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
            before = sandbox.name, lifetimes(sandbox)
            sandbox.name = new_name or sandbox.name
            if ttl_seconds is not None:
                sandbox.ttl_seconds = ttl_seconds
            if idle_ttl_seconds is not None:
                sandbox.idle_ttl_seconds = idle_ttl_seconds
            sandbox.last_activity_at = activity(sandbox.id, sandbox.last_activity_at)
            sandbox.expires_at = lifetimes(sandbox).expires_at(sandbox.created_at, sandbox.last_activity_at)
            sandbox.updated_at = now()
            await _record_changes(session, sandbox, before, actor.actor)
    return sandbox


async def _record_changes(session: AsyncSession, sandbox: Sandbox, before: tuple[str, Lifetimes], actor: str) -> None:
    name, lives = before
    if sandbox.name != name:
        await record(session, sandbox, "renamed", actor=actor, data={"before": name})
    if lifetimes(sandbox) != lives:
        data = {**asdict(lifetimes(sandbox)), "expires_at": iso(sandbox.expires_at)}
        await record(session, sandbox, "lifetimes_changed", actor=actor, data=data)


async def want_gone(database: Database, *, actor: Caller, name: str) -> str:
    """Mark a sandbox ``deleting``, which frees its name, and give its identifier. Raises ``NotFoundError``."""
    async with database.write(actor.workspace_id) as session:
        sandbox = await _find(session, actor, name)
        await end(session, Sandbox.id == sandbox.id, actor=actor.actor, reason="deleted")
        return sandbox.id


async def want_gone_by_system(
    database: Database, *, actor: str, sandbox_id: str, reason: StopReason, expired_by: float | None = None
) -> bool:
    """Mark a sandbox ``deleting`` without a caller; with ``expired_by`` only when its time has come by then."""
    condition = [Sandbox.id == sandbox_id]
    if expired_by is not None:
        condition.append(Sandbox.expires_at <= expired_by)
    async with writing_to(database, Sandbox, sandbox_id) as session:
        return bool(await end(session, *condition, actor=actor, reason=reason))


async def forget(database: Database, *, actor: str, sandbox_id: str, cpu_seconds: float | None = None) -> None:
    """Remove the row of a sandbox that the runtime has let go of; ``cpu_seconds`` is all that it used, where known."""
    gone = (Sandbox.id == sandbox_id, Sandbox.state == "deleting")
    async with writing_to(database, Sandbox, sandbox_id) as session:
        row = (await session.execute(select(Sandbox.workspace_id, Sandbox.name, Sandbox.warm).where(*gone))).first()
        if row is None:
            return
        await session.execute(delete(Sandbox).where(*gone))
        if cpu_seconds is not None:
            await ledger.add_cpu(session, {sandbox_id: cpu_seconds})
        await ledger.close(session, sandbox_id)
        if not row.warm:
            await record(session, Subject("sandbox", sandbox_id, row.name, row.workspace_id), "deleted", actor=actor)


async def mark_ready(database: Database, *, actor: str, made: RuntimeSandbox, way: Way) -> bool:
    """Record that a sandbox runs, and what took how long; False when it is not wanted any more."""
    moment = now()
    values = {"state": "ready", "shim_socket": str(made.shim_socket), "ready_at": moment, "updated_at": moment}
    async with writing_to(database, Sandbox, made.id) as session:
        sandbox = await _leave(session, made.id, ("provisioning",), values | {"awaited": False})
        if sandbox is not None:
            seconds = round(moment - sandbox.created_at, 4)
            data = {"seconds": seconds, "phases": way.phases(sandbox.created_at, moment)}
            await _record_change(session, sandbox, "ready", actor=actor, data=data)
    return sandbox is not None


async def mark_failed(
    database: Database, *, actor: str, sandbox_id: str, kind: str, message: str, stop_reason: StopReason
) -> bool:
    """Record that a sandbox did not start, or ended by itself; False when it is not wanted any more."""
    values = {"state": "failed", "status_kind": kind, "status_message": message, "stop_reason": stop_reason}
    data = {"kind": kind, "message": message, "stop_reason": stop_reason}
    async with writing_to(database, Sandbox, sandbox_id) as session:
        change = {**values, **HOLDS_NOTHING, "updated_at": now()}
        sandbox = await _leave(session, sandbox_id, ("provisioning", "ready"), change)
        if sandbox is not None:
            await ledger.close(session, sandbox_id)
            await _record_change(session, sandbox, "failed", actor=actor, data=data)
    return sandbox is not None


async def _leave(
    session: AsyncSession, sandbox_id: str, states: tuple[str, ...], values: dict[str, object]
) -> Row[Any] | None:
    """Change a sandbox that is in one of these states; what of it an event needs, or None."""
    return (await session.execute(_LEAVE.values(values), {"left": sandbox_id, "states": states})).first()


async def _record_change(
    session: AsyncSession, sandbox: Row[Any], what: str, *, actor: str, data: dict[str, Any]
) -> None:
    """Record it of the sandbox, or of its pool as long as it is nobody's."""
    if not sandbox.warm:
        subject = Subject("sandbox", sandbox.id, sandbox.name, sandbox.workspace_id)
        await record(session, subject, what, actor=actor, data=data)
        return
    pool: Pool | None = await session.scalar(select(Pool).where(Pool.id == sandbox.pool_id))
    if pool is not None:
        await record_warm(session, pool, f"warm_{what}", actor=actor, sandbox_id=sandbox.id, data=data)


async def record_activity(database: Database, *, actor: str, moments: dict[str, float]) -> None:
    """Write down when each sandbox was last used, and move its idle deadline."""
    del actor  # it changes nothing that anybody did
    due = list(moments)
    for first in range(0, len(due), MOST_AT_A_TIME):
        some = due[first : first + MOST_AT_A_TIME]
        rows = await database.fetch_all(select(Sandbox.id, Sandbox.workspace_id).where(Sandbox.id.in_(some)), {})
        for workspace_id in {row.workspace_id for row in rows}:
            its = [row.id for row in rows if row.workspace_id == workspace_id]
            async with database.write(workspace_id) as session:
                await _move_deadlines(session, its, moments)


async def _move_deadlines(session: AsyncSession, sandbox_ids: Sequence[str], moments: dict[str, float]) -> None:
    for sandbox in await session.scalars(select(Sandbox).where(Sandbox.id.in_(sandbox_ids), *VISIBLE)):
        sandbox.last_activity_at = max(sandbox.last_activity_at, moments[sandbox.id])
        sandbox.expires_at = lifetimes(sandbox).expires_at(sandbox.created_at, sandbox.last_activity_at)


async def outcome_of(database: Database, *, sandbox_id: str) -> Row[Any] | None:
    """How far a sandbox is, why it failed, and who starts it; None when it is gone."""
    query = select(Sandbox.state, Sandbox.status_kind, Sandbox.status_message, Sandbox.starter)
    return await database.fetch_one(query.where(Sandbox.id == sandbox_id), {})


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
