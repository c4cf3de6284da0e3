"""Tokens that let their bearer reach one port of one sandbox until a moment."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import ApiKey, Sandbox, ServiceToken
from sandboxcore.server.errors import ApiError, NotReadyError
from sandboxcore.server.names import new_id
from sandboxcore.server.services.sandboxes import get_sandbox

if TYPE_CHECKING:
    from sqlalchemy import Row

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

MOST_PER_SANDBOX = 100
PREFIX = "sbxs_"
_FORM = re.compile(r"sbxs_[A-Za-z0-9_-]{43}")
_BATCH = 1000

_LOOK_UP = (
    select(
        ServiceToken.sandbox_id,
        ServiceToken.port,
        ServiceToken.expires_at,
        ServiceToken.created_by,
        Sandbox.name,
        Sandbox.state,
        Sandbox.shim_socket,
        ApiKey.id.label("key_id"),
        ApiKey.public_id,
        ApiKey.workspace_id,
        ApiKey.scopes,
        ApiKey.expires_at.label("key_expires_at"),
    )
    .join(Sandbox, Sandbox.id == ServiceToken.sandbox_id)
    .join(ApiKey, ApiKey.id == ServiceToken.key_id)
    .where(
        ServiceToken.token_sha256 == bindparam("token_sha256"),
        ServiceToken.workspace_id == Sandbox.workspace_id,
        ServiceToken.workspace_id == ApiKey.workspace_id,
        ApiKey.revoked_at.is_(None),
        Sandbox.state != "deleting",
        ~Sandbox.warm,
    )
)


@dataclass(frozen=True, slots=True)
class NewServiceToken:
    """A token just made: the only moment when its text exists."""

    text: str
    sandbox_id: str
    expires_at: float


async def create_service_token(
    database: Database, *, actor: Caller, sandbox_name: str, port: int, seconds: int
) -> NewServiceToken:
    """Make a token for a port of a sandbox that is ready, for so long.

    Raises ``NotFoundError``, ``NotReadyError``, and ``ApiError`` 429 where the sandbox has too many.
    """
    sandbox = await get_sandbox(database, caller=actor, name=sandbox_name)
    if sandbox.state != "ready":
        raise NotReadyError(f"sandbox '{sandbox.name}' is not ready; its status is {sandbox.state}")
    text = PREFIX + secrets.token_urlsafe(32)
    moment = now()
    token = NewServiceToken(text, sandbox.id, moment + seconds)
    living = select(func.count()).where(ServiceToken.sandbox_id == sandbox.id, ServiceToken.expires_at > moment)
    async with database.write(actor.workspace_id) as session:
        if await session.scalar(select(Sandbox.id).where(Sandbox.id == sandbox.id)) is None:
            raise NotReadyError(f"sandbox '{sandbox.name}' has just been deleted")
        if (await session.scalar(living) or 0) >= MOST_PER_SANDBOX:
            raise _too_many()
        session.add(
            ServiceToken(
                id=new_id(),
                token_sha256=_digest(text),
                workspace_id=actor.workspace_id,
                sandbox_id=sandbox.id,
                key_id=actor.key_id,
                port=port,
                created_by=actor.actor,
                created_at=moment,
                expires_at=token.expires_at,
            )
        )
    return token


async def look_up(database: Database, text: str) -> Row[Any] | None:
    """What a token lets its bearer reach, whatever the state of that sandbox; None where it never held, or not now."""
    if _FORM.fullmatch(text) is None:
        return None
    row = await database.fetch_one(_LOOK_UP, {"token_sha256": _digest(text)})
    if row is None or "run" not in row.scopes.split(","):
        return None
    return row


async def forget_expired(database: Database, *, actor: str) -> None:
    """Remove tokens that have expired, a batch at a time."""
    del actor
    moment = now()
    async with database.read() as session:
        if await session.scalar(select(ServiceToken.id).where(ServiceToken.expires_at <= moment).limit(1)) is None:
            return
    expired = select(ServiceToken.id).where(ServiceToken.expires_at <= moment).limit(_BATCH)
    async with database.write() as session:
        await session.execute(delete(ServiceToken).where(ServiceToken.id.in_(expired)))


def _digest(text: str) -> str:
    # 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(text.encode()).hexdigest()


def _too_many() -> ApiError:
    return ApiError(
        429,
        "TooManyRequests",
        f"this sandbox has {MOST_PER_SANDBOX} service tokens that still hold; wait until one has expired, "
        "or ask for longer ones and use each until its end",
    )
