"""API keys: their form, who a key is, and a short-lived memory so that a request costs no query."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import ApiKey
from sandboxcore.server.errors import ApiError

if TYPE_CHECKING:
    from sandboxcore.server.db.engine import Database

Scope = Literal["read", "run", "manage"]
SCOPES: tuple[Scope, ...] = ("read", "run", "manage")
REMEMBERED_SECONDS = 1.0
"""How long a key is believed without asking the database: a revoked key ends within this time."""
REMEMBERED_KEYS = 4096
MAX_ACTOR_LENGTH = 200
_KEY_FORM = re.compile(r"sbx_(?P<public_id>[a-z0-9]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_HOW = "send a valid API key in the X-Api-Key header, like sbx_…"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, by the key that came with it."""

    workspace_id: str
    key_id: str
    scopes: frozenset[str]
    acts_for_people: bool
    actor: str
    """The person named by a trusted key, else the key's own name."""

    def acting_for(self, person: str | None) -> Caller:
        """This caller on behalf of ``person``, where the key may say so; anyone else's word is not heard."""
        if not person or not self.acts_for_people:
            return self
        return replace(self, actor="".join(filter(str.isprintable, person))[:MAX_ACTOR_LENGTH])

    def require(self, scope: Scope) -> None:
        """Raises ``ApiError`` 403 where the key lacks ``scope``."""
        if scope not in self.scopes:
            raise ApiError(
                403, "Forbidden", f"this API key lacks the scope '{scope}'; it has: {', '.join(sorted(self.scopes))}"
            )


@dataclass(frozen=True, slots=True)
class _Known:
    secret_sha256: str
    caller: Caller
    expires_at: float | None
    believed_until: float
    """On the monotonic clock."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the only moment when its text exists."""

    public_id: str
    text: str
    secret_sha256: str


def new_key() -> NewKey:
    """A fresh key with 256 random bits."""
    public_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    return NewKey(public_id, f"sbx_{public_id}_{secret}", _hash(secret))


def _hash(secret: str) -> str:
    # The secret is 256 random bits, so a slow hash would protect nothing more.
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """Tells who a key is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}
        self._used: dict[str, float] = {}

    async def identify(self, key: str | None) -> Caller:
        """The caller whose key this is. Raises ``ApiError`` 401."""
        match = _KEY_FORM.fullmatch(key) if key else None
        if match is None:
            raise _unauthorized("there is no API key" if not key else "this is not an API key of this server")
        public_id = match["public_id"]
        known = self._known.get(public_id)
        if known is None or known.believed_until < time.monotonic():
            known = await self._look_up(public_id)
        if known is None or not compare_digest(known.secret_sha256, _hash(match["secret"])):
            raise _unauthorized("this API key is unknown, wrong or revoked")
        moment = now()
        if known.expires_at is not None and known.expires_at <= moment:
            raise _unauthorized("this API key has expired")
        self._used[known.caller.key_id] = moment
        return known.caller

    async def _look_up(self, public_id: str) -> _Known | None:
        async with self._database.read() as session:
            key = await session.scalar(select(ApiKey).where(ApiKey.public_id == public_id, ApiKey.revoked_at.is_(None)))
        if key is None:
            self._known.pop(public_id, None)
            return None
        caller = Caller(key.workspace_id, key.id, frozenset(key.scopes.split(",")), key.acts_for_people, key.name)
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        known = _Known(key.secret_sha256, caller, key.expires_at, time.monotonic() + REMEMBERED_SECONDS)
        self._known[public_id] = known
        return known

    async def record_use(self) -> None:
        """Write down when keys were last used since the last call."""
        used, self._used = self._used, {}
        if not used:
            return
        async with self._database.write() as session:
            for key_id, moment in used.items():
                await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=moment))


def _unauthorized(problem: str) -> ApiError:
    return ApiError(401, "Unauthorized", f"{problem}; {_HOW}")
