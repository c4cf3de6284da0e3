"""Limits of a workspace: what its sandboxes, volumes and pools hold together, and whether more fits.

What is held is always read from the rows themselves, so nothing can leak. ``room_for`` and ``take`` belong into the
transaction that makes the thing, and that one must come from ``database.write(workspace_id)``: transactions of one
workspace are serial, so nothing can overshoot.

Every row counts until it is gone. What failed stays in its list, and counts there, but holds nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, true

from sandboxcore.server.db.models import Pool, Sandbox, Volume, Workspace
from sandboxcore.server.errors import InvalidError, NotFoundError, QuotaExceededError
from sandboxcore.server.quantity import parse_bytes, parse_millis, show_bytes, show_millis
from sandboxcore.server.services._conflicts import refuse_taken
from sandboxcore.server.services.events import record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import Executable, FromClause
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.db.models import Template

LARGEST_COUNT = 2**31 - 1
LARGEST_QUANTITY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Amount:
    """What is held, or asked for, of each thing that has a limit."""

    sandboxes: int = 0
    cpu_millis: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    """Of volumes and of sandboxes' writable disks together."""
    volumes: int = 0
    pools: int = 0

    def times(self, number: int) -> Amount:
        """So much, so many times."""
        return Amount(**{name: each * number for name, each in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Limits:
    """A workspace's limits; None is none. Lifetimes are seconds."""

    max_sandboxes: int | None = None
    max_cpu_millis: int | None = None
    max_memory_bytes: int | None = None
    max_storage_bytes: int | None = None
    max_volumes: int | None = None
    max_pools: int | None = None
    max_ttl_seconds: int | None = None
    default_ttl_seconds: int | None = None
    default_idle_ttl_seconds: int | None = None

    def of(self, what: str) -> int | None:
        """The most that may be held of a field of ``Amount``."""
        most: int | None = getattr(self, f"max_{what}")
        return most


@dataclass(frozen=True, slots=True)
class _Told:
    """How a limit is told. Clients read its kind from the message, so no message may hold another kind's words."""

    kind: str
    show: Callable[[int], str]
    unit: str


_TOLD = {
    "sandboxes": _Told("sandbox count", str, ""),
    "cpu_millis": _Told("cpu", show_millis, " cores"),
    "memory_bytes": _Told("memory", show_bytes, ""),
    "storage_bytes": _Told("storage", show_bytes, ""),
    "volumes": _Told("volume count", str, ""),
    "pools": _Told("pool count", str, ""),
}
_LIMITS = select(*(getattr(Workspace, field.name) for field in fields(Limits))).where(
    Workspace.id == bindparam("workspace_id")
)


def _sum(column: Any) -> Any:
    return func.coalesce(func.sum(column), 0)


_SANDBOXES = select(
    func.count().label("sandboxes"),
    _sum(Sandbox.cpu_millis).label("cpu_millis"),
    _sum(Sandbox.memory_bytes).label("memory_bytes"),
    _sum(Sandbox.storage_bytes).label("disk_bytes"),
).where(Sandbox.workspace_id == bindparam("workspace_id"))
_VOLUMES = select(func.count().label("volumes"), _sum(Volume.held_bytes).label("volume_bytes")).where(
    Volume.workspace_id == bindparam("workspace_id")
)
_POOLS = select(func.count().label("pools")).where(Pool.workspace_id == bindparam("workspace_id"))
_SUMS = (_SANDBOXES, _VOLUMES, _POOLS)
_READ_FOR = {
    "sandboxes": {_SANDBOXES},
    "cpu_millis": {_SANDBOXES},
    "memory_bytes": {_SANDBOXES},
    "storage_bytes": {_SANDBOXES, _VOLUMES},
    "volumes": {_VOLUMES},
    "pools": {_POOLS},
}
_REST = select(
    func.count().filter(Sandbox.state == "failed").label("failed"), func.count().filter(Sandbox.warm).label("warm")
).where(Sandbox.workspace_id == bindparam("workspace_id"))


def sandbox_of(template: Template) -> Amount:
    """What one sandbox of a template holds."""
    return Amount(
        sandboxes=1,
        cpu_millis=parse_millis(template.cpu),
        memory_bytes=parse_bytes(template.memory),
        storage_bytes=parse_bytes(template.storage),
    )


async def room_for(session: AsyncSession, workspace_id: str, asked: Amount) -> QuotaExceededError | None:
    """Why ``asked`` does not fit beside what is held, or None where it does; only what is asked for is looked at.

    For a pool's refill, which may not fit without having failed: keep the error's message on the pool.
    """
    limits = Limits(**(await session.execute(_LIMITS, {"workspace_id": workspace_id})).one()._mapping)
    bounded = [name for name, more in asdict(asked).items() if more > 0 and limits.of(name) is not None]
    if not bounded:
        return None
    holding = await _held(session, workspace_id, bounded)
    for name in bounded:
        most, now_held, more = limits.of(name), getattr(holding, name), getattr(asked, name)
        if most is not None and now_held + more > most:
            hint = await _hint(session, workspace_id) if name == "sandboxes" else ""
            return _refusal(name, most, now_held, more, hint)
    return None


async def take(
    session: AsyncSession,
    workspace_id: str,
    asked: Amount,
    *,
    model: type[Sandbox | Volume | Pool] = Sandbox,
    name: str | None = None,
) -> None:
    """Raises ``QuotaExceededError`` where ``asked`` does not fit; the caller then makes what holds it.

    Raises ``ConflictError`` instead where the ``name`` of what is to be made is taken: who repeats a creation whose
    answer was lost learns that it is there, though it may be what fills the quota.
    """
    refusal = await room_for(session, workspace_id, asked)
    if refusal is not None:
        await refuse_taken(session, model, workspace_id, name)
        raise refusal


def _refusal(name: str, most: int, now_held: int, more: int, hint: str) -> QuotaExceededError:
    told = _TOLD[name]
    message = (
        f"{told.kind} quota exceeded: this workspace may hold {told.show(most)}{told.unit}, "
        f"holds {told.show(now_held)}{hint} and was asked for {told.show(more)} more. "
        "Delete what is not needed any more, or ask an administrator to raise the quota."
    )
    return QuotaExceededError(name, message)


async def _hint(session: AsyncSession, workspace_id: str) -> str:
    """Which of the sandboxes a person may not think of."""
    row = (await session.execute(_REST, {"workspace_id": workspace_id})).one()
    parts = [f"{row.failed} failed"] * bool(row.failed) + [f"{row.warm} kept warm by pools"] * bool(row.warm)
    return f" ({', '.join(parts)})" if parts else ""


@cache
def _reading(names: frozenset[str]) -> Executable:
    """One statement for all that these fields need, so that one trip to the database tells it."""
    first, *others = (each.subquery() for each in _SUMS if any(each in _READ_FOR[name] for name in names))
    source: FromClause = first
    for other in others:
        source = source.join(other, true())
    return select(*first.c, *(column for other in others for column in other.c)).select_from(source)


async def _held(session: AsyncSession, workspace_id: str, names: Collection[str]) -> Amount:
    row = (await session.execute(_reading(frozenset(names)), {"workspace_id": workspace_id})).one()
    values = dict(row._mapping)
    storage = int(values.pop("disk_bytes", 0)) + int(values.pop("volume_bytes", 0))
    # PostgreSQL's sums are of another type.
    return Amount(**{name: int(value) for name, value in values.items()}, storage_bytes=storage)


async def held(database: Database, workspace_id: str) -> Amount:
    """What a workspace holds now."""
    async with database.read() as session:
        return await _held(session, workspace_id, _READ_FOR)


async def limits_of(database: Database, workspace_id: str) -> Limits:
    """A workspace's limits. Raises ``NotFoundError``."""
    row = await database.fetch_one(_LIMITS, {"workspace_id": workspace_id})
    if row is None:
        raise NotFoundError("workspace", workspace_id)
    return Limits(**row._mapping)


async def set_limits(database: Database, *, actor: str, workspace_id: str, changes: Mapping[str, int | None]) -> Limits:
    """Change what is given, None for no limit; the limits as they are then.

    Less than what is held ends nothing: there is just no room until enough is gone. Raises ``NotFoundError`` or
    ``InvalidError``.
    """
    for name, value in changes.items():
        _check(name, value)
    async with database.write(workspace_id) as session:
        workspace = await session.scalar(select(Workspace).where(Workspace.id == workspace_id))
        if workspace is None:
            raise NotFoundError("workspace", workspace_id)
        for name, value in changes.items():
            setattr(workspace, name, value)
        limits = Limits(**{field.name: getattr(workspace, field.name) for field in fields(Limits)})
        _check_together(limits)
        await record(session, workspace, "limits_changed", actor=actor, data=changes)
    return limits


def _check(name: str, value: int | None) -> None:
    if name not in {field.name for field in fields(Limits)}:
        raise InvalidError(("body", name), "there is no such limit")
    if value is None:
        return
    is_time = name.endswith("_ttl_seconds")
    if is_time and value % 60:
        raise InvalidError(("body", name), "give whole minutes in seconds (60, 120, …)")
    most = LARGEST_QUANTITY if name.endswith(("_millis", "_bytes")) else LARGEST_COUNT
    least = 60 if name == "max_ttl_seconds" else 0
    if not least <= value <= most:
        raise InvalidError(("body", name), f"give a number from {least} to {most}, or null for none")


def _check_together(limits: Limits) -> None:
    if limits.max_ttl_seconds is None:
        return
    for name in ("default_ttl_seconds", "default_idle_ttl_seconds"):
        if (getattr(limits, name) or 0) > limits.max_ttl_seconds:
            raise InvalidError(("body", name), f"the longest lifetime here is {limits.max_ttl_seconds} seconds")
