"""What is kept of things beside their rows: whether each is counted while it is held, and remembered once it ends.

Whoever changes a row changes these in the same transaction, and each question below is one statement: it sees all of a
change or nothing, and finds only what another version, or a hand in the database, left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, insert, or_, select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Allocation, Base, EndedSandbox, Sandbox, Volume, Workspace
from sandboxcore.server.quantity import parse_bytes
from sandboxcore.server.services import ledger
from sandboxcore.server.services._rows import writing_to
from sandboxcore.server.services.differences import Difference, Rows, SandboxRow, VolumeRow
from sandboxcore.server.services.sandboxes import WITH_POOL, WITH_TEMPLATE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

MOST = 1000
"""Wrong entries of one sort that are mended in one go; the rest is found by the next."""
_OPEN = Allocation.ended_at.is_(None)
_COUNTED_SANDBOX = Sandbox.state.in_(("provisioning", "ready"))
_COUNTED_VOLUME = Volume.state == "ready"
# What is being deleted was counted if it was not failed before; both are right.
_HELD = or_(
    exists().where(Sandbox.id == Allocation.subject_id, Sandbox.state != "failed"),
    exists().where(Volume.id == Allocation.subject_id, Volume.state.in_(("ready", "deleting"))),
)
_UNHELD = select(Allocation.subject_id, Allocation.workspace_id, Allocation.started_at).where(_OPEN, ~_HELD).limit(MOST)
_SANDBOX_IS_OPEN = exists().where(Allocation.subject_id == Sandbox.id, _OPEN)
_VOLUME_IS_OPEN = exists().where(Allocation.subject_id == Volume.id, _OPEN)
_UNCOUNTED = (
    (
        Sandbox,
        select(Sandbox.id, Sandbox.workspace_id, Sandbox.name, Sandbox.created_at)
        .where(_COUNTED_SANDBOX, ~_SANDBOX_IS_OPEN)
        .limit(MOST),
    ),
    (
        Volume,
        select(Volume.id, Volume.workspace_id, Volume.name, Volume.created_at)
        .where(_COUNTED_VOLUME, ~_VOLUME_IS_OPEN)
        .limit(MOST),
    ),
)
_IS_FORGOTTEN = (
    (Sandbox.state == "deleting")
    & ~Sandbox.warm
    & ~exists().where(EndedSandbox.id == Sandbox.id)
    & exists().where(Workspace.id == Sandbox.workspace_id, Workspace.deleting_at.is_(None))
)
_FORGOTTEN = select(Sandbox.id, Sandbox.workspace_id, Sandbox.name, Sandbox.updated_at).where(_IS_FORGOTTEN).limit(MOST)
_LEAVING = select(Workspace.id, Workspace.deleting_at).where(Workspace.deleting_at.is_not(None)).limit(MOST)
_SANDBOX_ROWS = select(*(getattr(Sandbox, field) for field in SandboxRow.__dataclass_fields__))
_VOLUME_ROWS = select(
    *(getattr(Volume, field) for field in VolumeRow.__dataclass_fields__ if field != "size_bytes"), Volume.size
)


async def rows(database: Database) -> Rows:
    """Every sandbox and volume of every workspace."""
    sandboxes = await database.fetch_all(_SANDBOX_ROWS, {})
    volumes = await database.fetch_all(_VOLUME_ROWS, {})
    return Rows(
        {row.id: SandboxRow(**row._mapping) for row in sandboxes},
        {row.id: _volume_row(row._asdict()) for row in volumes},
    )


def _volume_row(fields: dict[str, object]) -> VolumeRow:
    size = str(fields.pop("size"))
    return VolumeRow(**fields, size_bytes=parse_bytes(size))  # type: ignore[arg-type]  # the columns have these types


async def wrong_entries(database: Database) -> list[Difference]:
    """What is counted though it is gone, not counted though it is there, or forgotten; workspaces that are leaving."""
    found: list[Difference] = []
    for row in await database.fetch_all(_FORGOTTEN, {}):
        reason = "it is being deleted, and the history does not have it"
        found.append(Difference("history", "record", row.id, reason, row.workspace_id, row.name, row.updated_at))
    for row in await database.fetch_all(_UNHELD, {}):
        reason = "it is gone or has failed, and is still counted as held"
        found.append(Difference("usage", "close", row.subject_id, reason, row.workspace_id, None, row.started_at))
    for _, query in _UNCOUNTED:
        for row in await database.fetch_all(query, {}):
            reason = "it is there, and nobody counts what it holds"
            found.append(Difference("usage", "open", row.id, reason, row.workspace_id, row.name, row.created_at))
    for row in await database.fetch_all(_LEAVING, {}):
        reason = "it was deleted, and something of it is left"
        found.append(Difference("workspace", "remove", row.id, reason, row.id, None, row.deleting_at))
    return found


async def is_leaving(database: Database, workspace_id: str) -> bool:
    """Whether a workspace that was deleted is still there."""
    return await database.fetch_one(_LEAVING.where(Workspace.id == workspace_id), {}) is not None


async def close_unheld(database: Database, wrong: Difference) -> bool:
    """Count nothing any more of what is gone; False where that is so already."""
    async with database.write(wrong.workspace_id) as session:
        closing = update(Allocation).where(Allocation.subject_id == wrong.id, _OPEN, ~_HELD)
        ended = closing.values(ended_at=now()).returning(Allocation.id)
        return (await session.execute(ended, execution_options={"synchronize_session": False})).first() is not None


async def open_uncounted(database: Database, wrong: Difference) -> bool:
    """Count from now on what is there; False where it is counted, or gone."""
    async with database.write(wrong.workspace_id) as session:
        volume = await session.scalar(select(Volume).where(Volume.id == wrong.id, _COUNTED_VOLUME, ~_VOLUME_IS_OPEN))
        if volume is not None:
            await ledger.open_volume(session, volume)
            return True
        return await _open_sandbox(session, wrong.id)


async def _open_sandbox(session: AsyncSession, sandbox_id: str) -> bool:
    query = select(Sandbox).where(Sandbox.id == sandbox_id, _COUNTED_SANDBOX, ~_SANDBOX_IS_OPEN)
    sandbox = await session.scalar(query.options(WITH_TEMPLATE, WITH_POOL))
    if sandbox is None:
        return False
    if sandbox.warm:
        pool = sandbox.pool_name or ""
        await ledger.open_warm(session, sandbox, template_name=sandbox.template_name, pool_name=pool, at=now())
    else:
        await ledger.open_sandbox(session, sandbox, template_name=sandbox.template_name, at=now())
    return True


async def record_forgotten(database: Database, wrong: Difference, *, actor: str) -> bool:
    """Put a sandbox that is being deleted into the history; False where it is there, or the sandbox gone."""
    kept = ("id", "workspace_id", "name", "status_kind", "status_message", "created_by", "created_at", "ready_at")
    newest = select(Allocation.template_name).where(Allocation.subject_id == wrong.id)
    async with writing_to(database, Sandbox, wrong.id) as session:
        # Where it ran is known to the ledger alone: a row on its way out has no template any more.
        template = await session.scalar(newest.order_by(Allocation.started_at.desc()).limit(1))
        found = (
            await session.execute(
                select(*(getattr(Sandbox, field) for field in kept), Sandbox.stop_reason).where(
                    Sandbox.id == wrong.id, _IS_FORGOTTEN
                )
            )
        ).first()
        if found is None:
            return False
        values = {field: getattr(found, field) for field in kept} | {"template_name": template or ""}
        ended = {"stop_reason": found.stop_reason or "deleted", "ended_by": actor, "ended_at": now()}
        await session.execute(insert(Base.metadata.tables["ended_sandboxes"]), values | ended)
    return True
