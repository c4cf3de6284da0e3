"""Workspaces and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from sandboxcore.server.auth import SCOPES, Scope
from sandboxcore.server.clock import now
from sandboxcore.server.db.models import ApiKey, Workspace
from sandboxcore.server.keytext import NewKey, new_key
from sandboxcore.server.names import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database


async def create_key(
    database: Database,
    *,
    workspace: str,
    name: str,
    actor: str,
    scopes: Sequence[Scope] = SCOPES,
    acts_for_people: bool = False,
    expires_at: float | None = None,
) -> NewKey:
    """A new key of the workspace of this name, which is made where there is none; its text is nowhere else."""
    key = new_key()
    moment = now()
    async with database.write() as session:
        session.add(
            ApiKey(
                id=new_id(),
                workspace_id=await _ensure_workspace(session, workspace, moment),
                public_id=key.public_id,
                secret_sha256=key.secret_sha256,
                name=name,
                scopes=",".join(scopes),
                acts_for_people=acts_for_people,
                created_at=moment,
                created_by=actor,
                expires_at=expires_at,
            )
        )
    return key


async def revoke_key(database: Database, *, public_id: str, actor: str) -> bool:
    """End a key; whether there was a living one. It is refused everywhere within a second or two."""
    async with database.write() as session:
        revoked = await session.scalar(
            update(ApiKey)
            .where(ApiKey.public_id == public_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=now(), revoked_by=actor)
            .returning(ApiKey.id)
        )
    return revoked is not None


async def list_keys(database: Database) -> list[tuple[ApiKey, str]]:
    """Every key, oldest first, with the name of its workspace."""
    query = (
        select(ApiKey, Workspace.name).join(Workspace, Workspace.id == ApiKey.workspace_id).order_by(ApiKey.created_at)
    )
    async with database.read() as session:
        return [(key, workspace) for key, workspace in await session.execute(query)]


async def has_living_key(database: Database, public_id: str) -> bool:
    """Whether the key of this public part exists and is not revoked."""
    query = select(ApiKey.id).where(ApiKey.public_id == public_id, ApiKey.revoked_at.is_(None))
    async with database.read() as session:
        return await session.scalar(query) is not None


async def _ensure_workspace(session: AsyncSession, name: str, moment: float) -> str:
    existing = await session.scalar(select(Workspace.id).where(Workspace.name == name))
    if existing is not None:
        return existing
    workspace = Workspace(id=new_id(), name=name, created_at=moment)
    session.add(workspace)
    await session.flush()
    return workspace.id
