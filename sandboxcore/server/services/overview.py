"""What every workspace has, counted, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from sandboxcore.server.clock import iso
from sandboxcore.server.db.models import ApiKey, Pool, Sandbox, Template, Volume, Workspace
from sandboxcore.server.services._living import lives
from sandboxcore.server.services.workspaces import list_workspaces

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

_Table = type[Template] | type[Volume] | type[Pool] | type[ApiKey] | type[Sandbox]


async def overview(database: Database, *, q: str | None, limit: int, offset: int) -> dict[str, Any]:
    """A page of workspaces with their counts."""
    page, total = await list_workspaces(database, q=q, limit=limit, offset=offset)
    ids = [workspace.id for workspace in page]
    async with database.read() as session:
        states = await _states(session, ids)
        counts = {
            "warm_sandboxes": await _count(session, Sandbox, ids, Sandbox.warm.is_(True), Sandbox.state != "deleting"),
            "templates": await _count(session, Template, ids),
            "volumes": await _count(session, Volume, ids, Volume.state != "deleting"),
            "pools": await _count(session, Pool, ids),
            "keys": await _count(session, ApiKey, ids, *lives(ApiKey)),
        }
        last_used = await _last_used(session, ids)
        deleting = await session.scalar(select(func.count()).where(Workspace.deleting_at.is_not(None)))
    workspaces = [
        {
            "id": workspace.id,
            "name": workspace.name,
            "sandboxes": states.get(workspace.id, {}),
            **{what: found.get(workspace.id, 0) for what, found in counts.items()},
            "last_used_at": iso(last_used.get(workspace.id)),
        }
        for workspace in page
    ]
    return {"workspaces": workspaces, "total": total, "deleting": deleting or 0}


async def _states(session: AsyncSession, ids: list[str]) -> dict[str, dict[str, int]]:
    query = (
        select(Sandbox.workspace_id, Sandbox.state, func.count())
        .where(Sandbox.workspace_id.in_(ids), ~Sandbox.warm, Sandbox.state != "deleting")
        .group_by(Sandbox.workspace_id, Sandbox.state)
    )
    states: dict[str, dict[str, int]] = {}
    for workspace_id, state, count in await session.execute(query):
        states.setdefault(workspace_id, {})[state] = count
    return states


async def _count(
    session: AsyncSession, table: _Table, ids: list[str], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    query = select(table.workspace_id, func.count()).where(table.workspace_id.in_(ids), *conditions)
    return {row[0]: row[1] for row in await session.execute(query.group_by(table.workspace_id))}


async def _last_used(session: AsyncSession, ids: list[str]) -> dict[str, float | None]:
    query = select(ApiKey.workspace_id, func.max(ApiKey.last_used_at)).where(ApiKey.workspace_id.in_(ids))
    return {row[0]: row[1] for row in await session.execute(query.group_by(ApiKey.workspace_id))}
