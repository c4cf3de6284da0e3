"""Sandboxes with the names that are shown with them, and writing to a row of which only the identifier is known."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from sandboxcore.server.db.models import Pool, Sandbox, Template, Volume

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

SANDBOXES = (
    select(Sandbox.__table__, Template.name.label("template_name"), Pool.name.label("pool_name"))
    .outerjoin(Template, Template.id == Sandbox.template_id)
    .outerjoin(Pool, Pool.id == Sandbox.pool_id)
)
"""Every sandbox, of all workspaces and states, with the present names of its template and its pool."""
_WORKSPACE_OF = {
    model: select(model.workspace_id).where(model.id == bindparam("id")) for model in (Sandbox, Volume, Pool)
}


@asynccontextmanager
async def writing_to(
    database: Database, model: type[Sandbox | Volume | Pool], identifier: str
) -> AsyncIterator[AsyncSession]:
    """``database.write()`` for the workspace of a row, which never changes; the row itself may be gone by now."""
    found = await database.fetch_one(_WORKSPACE_OF[model], {"id": identifier})
    async with database.write(found[0] if found else None) as session:
        yield session
