"""The end of a workspace: marked in one transaction, then carried out in the background whatever happens meanwhile.

``mark`` writes ``deleting_at``, ends the keys and marks everything that the workspace holds, so that what follows can
be taken up by any server at any time: the starter and the provisioner let go of sandboxes and volumes, and ``finish``
removes the rows when none of those is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import delete, func, select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import (
    Access,
    Allocation,
    ApiKey,
    Command,
    EndedSandbox,
    Event,
    Pool,
    Sandbox,
    ServiceToken,
    Template,
    Volume,
    Workspace,
)
from sandboxcore.server.errors import ConflictError
from sandboxcore.server.services.volumes import GONE_MARK as VOLUME_GONE_MARK
from sandboxcore.server.services.workspaces import GONE_MARK, find_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CursorResult, Delete
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

BATCH = 2000
"""Rows of history removed in one transaction, so that nobody waits long for the database."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a workspace's end leaves to be done."""

    workspace_id: str
    keys: Sequence[str]
    sandboxes: Sequence[str]
    volumes: Sequence[str]


async def mark(database: Database, *, actor: str, workspace_id: str, force: bool) -> Ended:
    """Want a workspace gone: from now on its keys are refused and its name is free.

    Without ``force`` only where it holds nothing. Raises ``NotFoundError`` or ``ConflictError``.
    """
    async with database.write(workspace_id) as session:
        workspace = await find_workspace(session, workspace_id, deleting=True)
        if workspace.deleting_at is None:
            if not force:
                await _check_empty(session, workspace)
            workspace.deleting_at = now()
            workspace.name = GONE_MARK + workspace.id
        return await _sweep(session, actor, workspace_id)


async def _check_empty(session: AsyncSession, workspace: Workspace) -> None:
    held = []
    for table, word, shown in (
        (Sandbox, "sandbox", (Sandbox.state != "deleting", ~Sandbox.warm)),
        (Volume, "volume", (Volume.state != "deleting",)),
        (Pool, "pool", ()),
    ):
        query = select(func.count()).select_from(table).where(table.workspace_id == workspace.id, *shown)
        count = await session.scalar(query) or 0
        if count:
            held.append(f"{count} {word}{'' if count == 1 else 'es' if word == 'sandbox' else 's'}")
    if held:
        message = f"workspace '{workspace.name}' holds {', '.join(held)}; delete those first, or say force=true"
        raise ConflictError("InUse", message)


async def _sweep(session: AsyncSession, actor: str, workspace_id: str) -> Ended:
    """Mark everything that the workspace holds; also what came into it while it was being marked."""
    moment = now()
    keys = await session.scalars(
        update(ApiKey)
        .where(ApiKey.workspace_id == workspace_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=moment, revoked_by=actor)
        .returning(ApiKey.id)
    )
    ended = keys.all()
    await session.execute(delete(ServiceToken).where(ServiceToken.workspace_id == workspace_id))
    gone = {"state": "deleting", "template_id": None, "pool_id": None, "expires_at": None, "updated_at": moment}
    await session.execute(
        update(Sandbox)
        .where(Sandbox.workspace_id == workspace_id, Sandbox.state != "deleting")
        .values(stop_reason="workspace_deleted", **gone)
    )
    # In the order of what uses what: pools, templates with their mounts, volumes.
    await session.execute(delete(Pool).where(Pool.workspace_id == workspace_id))
    await session.execute(delete(Template).where(Template.workspace_id == workspace_id))
    await session.execute(
        update(Volume)
        .where(Volume.workspace_id == workspace_id, Volume.state != "deleting")
        .values(state="deleting", name=VOLUME_GONE_MARK + Volume.id, updated_at=moment)
    )
    sandboxes = await session.scalars(select(Sandbox.id).where(Sandbox.workspace_id == workspace_id))
    volumes = await session.scalars(select(Volume.id).where(Volume.workspace_id == workspace_id))
    return Ended(workspace_id, ended, sandboxes.all(), volumes.all())


async def finish(database: Database, *, actor: str, workspace_id: str) -> Ended | None:
    """Remove the rows of a workspace of which nothing is left; else what is left, None when it is gone."""
    async with database.write(workspace_id) as session:
        left = await _sweep(session, actor, workspace_id)
    if left.sandboxes or left.volumes:
        return left
    while await _drop_history(database, workspace_id):
        pass
    async with database.write(workspace_id) as session:
        # Whoever was let in before its key ended may have made something meanwhile.
        left = await _sweep(session, actor, workspace_id)
        if left.sandboxes or left.volumes:
            return left
        await session.execute(delete(Workspace).where(Workspace.id == workspace_id, Workspace.deleting_at.is_not(None)))
    return None


async def _drop_history(database: Database, workspace_id: str) -> bool:
    """Remove some of what a workspace leaves behind; whether there was any."""
    first = select(func.min(Event.number)).where(Event.workspace_id == workspace_id).scalar_subquery()
    events = delete(Event).where(Event.workspace_id == workspace_id, Event.number < first + BATCH)
    dropped = 0
    async with database.write(workspace_id) as session:
        for statement in (
            events,
            _some(EndedSandbox, workspace_id),
            _some(Allocation, workspace_id),
            _some(Access, workspace_id),
            _some_commands(workspace_id),
        ):
            done = await session.execute(statement, execution_options={"synchronize_session": False})
            dropped += cast("CursorResult[Any]", done).rowcount
    return dropped > 0


def _some_commands(workspace_id: str) -> Delete:
    """Those of a sandbox: their clients named them, so only both together name one."""
    of_workspace = select(Command.sandbox_id).where(Command.workspace_id == workspace_id)
    return delete(Command).where(Command.sandbox_id.in_(of_workspace.limit(1)))


def _some(table: type[EndedSandbox | Allocation | Access], workspace_id: str) -> Delete:
    return delete(table).where(table.id.in_(select(table.id).where(table.workspace_id == workspace_id).limit(BATCH)))
