"""Workspaces: making, finding, listing and renaming them. Their end is ``workspace_ending``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Workspace
from sandboxcore.server.errors import ConflictError, NotFoundError
from sandboxcore.server.names import is_id, new_id
from sandboxcore.server.services._conflicts import name_taken, unique_name
from sandboxcore.server.services.events import record
from sandboxcore.server.services.limits import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

GONE_MARK = "~"
"""Begins the name of a workspace that is being deleted, which no name that a person gives can."""
LIVING = Workspace.deleting_at.is_(None)


async def create_workspace(database: Database, *, actor: str, name: str) -> Workspace:
    """A new workspace, empty and without limits. Raises ``ConflictError`` (name taken) or ``InvalidError``."""
    workspace = Workspace(id=new_id(), name=check_name(name), created_at=now(), event_count=0)
    with unique_name("workspace", name):
        async with database.write(workspace.id) as session:
            session.add(workspace)
            await record(session, workspace, "created", actor=actor)
    return workspace


async def ensure_workspace(database: Database, *, actor: str, name: str) -> str:
    """The identifier of the workspace of this name, which is made where there is none. Raises ``InvalidError``."""
    query = select(Workspace.id).where(Workspace.name == name, LIVING)
    async with database.read() as session:
        found: str | None = await session.scalar(query)
    if found is not None:
        return found
    try:
        return (await create_workspace(database, actor=actor, name=name)).id
    except ConflictError:
        async with database.read() as session:
            found = await session.scalar(query)
        if found is None:
            raise
        return found


async def get_workspace(database: Database, *, name: str, deleting: bool = False) -> Workspace:
    """The workspace of this name or identifier, with ``deleting`` also one on its way out.

    Raises ``NotFoundError``.
    """
    async with database.read() as session:
        return await find_workspace(session, name, deleting=deleting)


async def list_workspaces(
    database: Database, *, q: str | None = None, limit: int | None = None, offset: int = 0
) -> tuple[Sequence[Workspace], int]:
    """Workspaces whose name holds ``q``, by name, and how many there are in all."""
    conditions = [LIVING] + ([Workspace.name.contains(q, autoescape=True)] if q else [])
    query = select(Workspace).where(*conditions).order_by(Workspace.name).limit(limit).offset(offset)
    async with database.read() as session:
        found = (await session.scalars(query)).all()
        total = await session.scalar(select(func.count()).select_from(Workspace).where(*conditions))
    return found, total or 0


async def check_free(database: Database, *, workspace_id: str, new_name: str) -> None:
    """Raise ``ConflictError`` or ``InvalidError`` where the workspace cannot have that name now."""
    query = select(Workspace.id).where(Workspace.name == check_name(new_name), Workspace.id != workspace_id)
    async with database.read() as session:
        if await session.scalar(query) is not None:
            raise name_taken("workspace", new_name)


async def rename_workspace(database: Database, *, actor: str, workspace_id: str, new_name: str) -> Workspace:
    """Give a workspace another name. Raises ``NotFoundError``, ``ConflictError`` or ``InvalidError``."""
    check_name(new_name)
    with unique_name("workspace", new_name):
        async with database.write(workspace_id) as session:
            workspace = await find_workspace(session, workspace_id)
            before, workspace.name = workspace.name, new_name
            if before != new_name:
                await record(session, workspace, "renamed", actor=actor, data={"before": before})
    return workspace


async def find_workspace(session: AsyncSession, name: str, *, deleting: bool = False) -> Workspace:
    """The workspace of this name or identifier. Raises ``NotFoundError``."""
    condition = or_(Workspace.name == name, Workspace.id == name) if is_id(name) else Workspace.name == name
    query = select(Workspace).where(condition, *(() if deleting else (LIVING,)))
    workspace: Workspace | None = await session.scalar(query)
    if workspace is None:
        raise NotFoundError("workspace", name)
    return workspace
