"""Keys of the admin API: making, listing and ending them; there is always one that lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import AdminKey
from sandboxcore.server.errors import ConflictError, NotFoundError
from sandboxcore.server.keytext import ADMIN_PREFIX, NewKey, new_key
from sandboxcore.server.names import new_id
from sandboxcore.server.services._living import lives
from sandboxcore.server.services.keys import check_expiry, check_key_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore.server.db.engine import Database

_TURN = "admin keys"
"""Writes to them are serial, like those of one workspace: two calls must not each end the last but one."""


@dataclass(frozen=True, slots=True)
class MadeAdminKey:
    """An admin key's row, and the only appearance of its text."""

    key: AdminKey
    new: NewKey


async def create_admin_key(
    database: Database, *, actor: str, name: str, expires_at: float | None = None
) -> MadeAdminKey:
    """A new admin key; its text is nowhere else. Raises ``InvalidError``."""
    check_key_name(name)
    check_expiry(expires_at)
    new = new_key(ADMIN_PREFIX)
    key = AdminKey(
        id=new_id(),
        public_id=new.public_id,
        secret_sha256=new.secret_sha256,
        name=name,
        created_at=now(),
        created_by=actor,
        expires_at=expires_at,
    )
    async with database.write(_TURN) as session:
        session.add(key)
    return MadeAdminKey(key, new)


async def list_admin_keys(database: Database) -> Sequence[AdminKey]:
    """Every admin key, oldest first, also those that have ended."""
    async with database.read() as session:
        return (await session.scalars(select(AdminKey).order_by(AdminKey.created_at, AdminKey.id))).all()


async def revoke_admin_key(database: Database, *, actor: str, key_id: str) -> tuple[AdminKey, bool]:
    """End an admin key, for good; with whether it was not revoked before.

    Raises ``NotFoundError``, or ``ConflictError`` where it is the last that lives.
    """
    condition = or_(AdminKey.public_id == key_id, AdminKey.id == key_id)
    async with database.write(_TURN) as session:
        key: AdminKey | None = await session.scalar(select(AdminKey).where(condition))
        if key is None:
            raise NotFoundError("key", key_id)
        if key.revoked_at is not None:
            return key, False
        others = select(func.count()).where(AdminKey.id != key.id, *lives(AdminKey))
        if await session.scalar(others) == 0:
            raise ConflictError("LastKey", "this is the last living admin key; make another one first")
        key.revoked_at, key.revoked_by = now(), actor
    return key, True


async def has_living_admin_key(database: Database, public_id: str) -> bool:
    """Whether the admin key of this public part exists and has not ended."""
    query = select(AdminKey.id).where(AdminKey.public_id == public_id, *lives(AdminKey))
    async with database.read() as session:
        return await session.scalar(query) is not None
