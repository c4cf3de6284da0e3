"""Keys of workspaces: making, finding, changing, replacing and ending them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from sandboxcore.server.auth import SCOPES, Scope
from sandboxcore.server.clock import iso, now
from sandboxcore.server.db.models import ApiKey, Workspace
from sandboxcore.server.errors import ConflictError, InvalidError, NotFoundError
from sandboxcore.server.keytext import NewKey, new_key
from sandboxcore.server.names import new_id
from sandboxcore.server.services._living import lives
from sandboxcore.server.services.events import Subject, record
from sandboxcore.server.services.workspaces import ensure_workspace, find_workspace

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.engine import Database

MAX_NAME_LENGTH = 63
MAX_LIFETIME_SECONDS = 3660 * 86400
MAX_KEYS = 1000
"""Most keys of one workspace that live at a time."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What a new key may do, and until when."""

    name: str
    scopes: Sequence[Scope] = SCOPES
    acts_for_people: bool = False
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key's row, and the only appearance of its text."""

    key: ApiKey
    new: NewKey


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
    """A new key of the workspace of this name, which is made where there is none; its text is nowhere else.

    Raises ``InvalidError`` or ``ConflictError``.
    """
    wanted = WantedKey(name, scopes, acts_for_people, expires_at)
    check_wanted(wanted)
    workspace_id = await ensure_workspace(database, actor=actor, name=workspace)
    return (await make_key(database, actor=actor, workspace_id=workspace_id, wanted=wanted)).new


async def make_key(database: Database, *, actor: str, workspace_id: str, wanted: WantedKey) -> MadeKey:
    """A new key. Raises ``NotFoundError`` (workspace), ``ConflictError`` or ``InvalidError``."""
    check_wanted(wanted)
    async with database.write(workspace_id) as session:
        workspace = await find_workspace(session, workspace_id)
        await _check_room(session, workspace_id)
        return await _add(session, actor, workspace, wanted)


async def _check_room(session: AsyncSession, workspace_id: str) -> None:
    """Raise ``ConflictError`` where the workspace has as many living keys as one may have."""
    query = select(ApiKey.id).where(ApiKey.workspace_id == workspace_id, *lives(ApiKey))
    if len((await session.scalars(query.limit(MAX_KEYS))).all()) >= MAX_KEYS:
        raise ConflictError("TooManyKeys", f"this workspace has {MAX_KEYS} living keys; revoke some first")


async def _add(session: AsyncSession, actor: str, workspace: Workspace, wanted: WantedKey) -> MadeKey:
    new = new_key()
    key = ApiKey(
        id=new_id(),
        workspace_id=workspace.id,
        public_id=new.public_id,
        secret_sha256=new.secret_sha256,
        name=wanted.name,
        scopes=",".join(scope for scope in SCOPES if scope in wanted.scopes),
        acts_for_people=wanted.acts_for_people,
        created_at=now(),
        created_by=actor,
        expires_at=wanted.expires_at,
    )
    session.add(key)
    await _record(session, key, "created", actor)
    return MadeKey(key, new)


async def list_keys(
    database: Database, *, workspace_id: str, living: bool = False, limit: int | None = None, offset: int = 0
) -> Sequence[ApiKey]:
    """Keys of a workspace, oldest first; ``living`` leaves out those that have ended."""
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id, *(lives(ApiKey) if living else ()))
    async with database.read() as session:
        found = await session.scalars(query.order_by(ApiKey.created_at, ApiKey.id).limit(limit).offset(offset))
        return found.all()


async def list_all_keys(database: Database) -> Sequence[tuple[ApiKey, str]]:
    """Every key of every workspace, oldest first, with the workspace's name."""
    query = select(ApiKey, Workspace.name).join(Workspace, Workspace.id == ApiKey.workspace_id)
    async with database.read() as session:
        return [(key, name) for key, name in await session.execute(query.order_by(ApiKey.created_at, ApiKey.id))]


async def get_key(database: Database, *, workspace_id: str, key_id: str) -> ApiKey:
    """The key of this public part or identifier in the workspace. Raises ``NotFoundError``."""
    async with database.read() as session:
        return await _find(session, workspace_id, key_id)


async def update_key(
    database: Database,
    *,
    actor: str,
    workspace_id: str,
    key_id: str,
    name: str | None = None,
    expires_at: float | None = None,
    never_expires: bool = False,
) -> ApiKey:
    """Change a living key's name or end; what is None stays.

    Raises ``NotFoundError``, ``ConflictError`` (it has ended) or ``InvalidError``.
    """
    check_expiry(expires_at)
    async with database.write(workspace_id) as session:
        key = await _find(session, workspace_id, key_id)
        _check_living(key)
        key.name = key.name if name is None else check_key_name(name)
        key.expires_at = None if never_expires else expires_at or key.expires_at
        await _record(session, key, "updated", actor)
    return key


async def rotate_key(
    database: Database, *, actor: str, workspace_id: str, key_id: str, overlap_seconds: float
) -> tuple[MadeKey, ApiKey]:
    """A key with a new secret in place of a living one, which ends now, or after an overlap; the new and the old.

    Raises ``NotFoundError`` or ``ConflictError`` (it has ended).
    """
    async with database.write(workspace_id) as session:
        old = await _find(session, workspace_id, key_id)
        _check_living(old)
        wanted = WantedKey(old.name, _scopes(old), old.acts_for_people, old.expires_at)
        made = await _add(session, actor, await find_workspace(session, workspace_id), wanted)
        if overlap_seconds:
            ends = now() + overlap_seconds
            old.expires_at = ends if old.expires_at is None else min(old.expires_at, ends)
        else:
            old.revoked_at, old.revoked_by = now(), actor
        await _record(session, old, "rotated", actor, replaced_by=made.key.public_id)
    return made, old


async def revoke_key(database: Database, *, actor: str, workspace_id: str, key_id: str) -> tuple[ApiKey, bool]:
    """End a key, for good; with whether it was not revoked before. Raises ``NotFoundError``."""
    async with database.write(workspace_id) as session:
        key = await _find(session, workspace_id, key_id)
        if key.revoked_at is not None:
            return key, False
        key.revoked_at, key.revoked_by = now(), actor
        await _record(session, key, "revoked", actor)
    return key, True


async def revoke_key_anywhere(database: Database, *, actor: str, key_id: str) -> bool:
    """End a key of whichever workspace; whether there was one that lived."""
    query = select(ApiKey.workspace_id).where(or_(ApiKey.public_id == key_id, ApiKey.id == key_id))
    async with database.read() as session:
        workspace_id = await session.scalar(query)
    if workspace_id is None:
        return False
    return (await revoke_key(database, actor=actor, workspace_id=workspace_id, key_id=key_id))[1]


async def has_living_key(database: Database, public_id: str) -> bool:
    """Whether the key of this public part exists and has not ended."""
    query = select(ApiKey.id).where(ApiKey.public_id == public_id, *lives(ApiKey))
    async with database.read() as session:
        return await session.scalar(query) is not None


async def living(database: Database, key_ids: Collection[str]) -> dict[str, float | None]:
    """Which of these keys live, and when each will expire."""
    found: dict[str, float | None] = {}
    wanted = sorted(key_ids)
    async with database.read() as session:
        for start in range(0, len(wanted), _BATCH):
            query = select(ApiKey.id, ApiKey.expires_at).where(
                ApiKey.id.in_(wanted[start : start + _BATCH]), *lives(ApiKey)
            )
            found.update((row.id, row.expires_at) for row in await session.execute(query))
    return found


def check_wanted(wanted: WantedKey) -> None:
    """Raise ``InvalidError`` where no such key can be."""
    check_key_name(wanted.name)
    check_expiry(wanted.expires_at)
    if not wanted.scopes:
        raise InvalidError(("body", "scopes"), f"give at least one of: {', '.join(SCOPES)}")


def check_key_name(name: str) -> str:
    """A name that people can read. Raises ``InvalidError``."""
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable() or name != name.strip():
        message = f"a key's name has 1 to {MAX_NAME_LENGTH} printable characters, and no space at its ends"
        raise InvalidError(("body", "name"), message)
    return name


def check_expiry(expires_at: float | None) -> None:
    """Raise ``InvalidError`` where a key would have ended already, or as good as never."""
    if expires_at is None:
        return
    if expires_at <= now():
        raise InvalidError(("body", "expires_at"), "give a moment in the future; DELETE ends a key at once")
    if expires_at > now() + MAX_LIFETIME_SECONDS:
        raise InvalidError(("body", "expires_at"), "give a moment within ten years, or none for a key without an end")


def _check_living(key: ApiKey) -> None:
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now()):
        raise ConflictError("KeyEnded", f"key {key.public_id} has ended and cannot be changed; make another")


def _scopes(key: ApiKey) -> tuple[Scope, ...]:
    return tuple(scope for scope in SCOPES if scope in key.scopes.split(","))


async def _record(session: AsyncSession, key: ApiKey, what: str, actor: str, **more: object) -> None:
    subject = Subject("key", key.id, key.name[:MAX_NAME_LENGTH], key.workspace_id)
    facts = {"key": key.public_id, "scopes": key.scopes.split(","), "acts_for_people": key.acts_for_people}
    await record(session, subject, what, actor=actor, data={**facts, "expires_at": iso(key.expires_at), **more})


async def _find(session: AsyncSession, workspace_id: str, key_id: str) -> ApiKey:
    condition = or_(ApiKey.public_id == key_id, ApiKey.id == key_id)
    key: ApiKey | None = await session.scalar(select(ApiKey).where(ApiKey.workspace_id == workspace_id, condition))
    if key is None:
        raise NotFoundError("key", key_id)
    return key
