"""Who a key is, with a short-lived memory so that a request costs no query.

A key that is refused always costs one query and one comparison, whether its public part is known or not and whether it
was remembered: how long a refusal takes tells nothing about which keys there are.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Generic, Literal, TypeVar
from urllib.parse import unquote

from sqlalchemy import bindparam, or_, select, update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import AdminKey, ApiKey
from sandboxcore.server.errors import ApiError
from sandboxcore.server.keytext import ADMIN_PREFIX, WORKSPACE_PREFIX, digest_of, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandboxcore.server.db.engine import Database

Scope = Literal["read", "run", "manage"]
SCOPES: tuple[Scope, ...] = ("read", "run", "manage")
REMEMBERED_SECONDS = 1.0
"""How long a key is believed without asking the database: one revoked by another process ends within this time."""
REMEMBERED_KEYS = 4096
WRITE_USE_EVERY = 60.0
"""Seconds between two writes of one key's last use."""
MAX_ACTOR_LENGTH = 200
_NOBODY = digest_of(secrets.token_urlsafe(32))
"""Compared with where there is no such key."""
_HOW = {
    WORKSPACE_PREFIX: "send a valid API key in the X-Api-Key header, like sbx_…",
    ADMIN_PREFIX: "send a valid admin key in the X-Api-Key header, like sbxa_…",
}
_OTHER_KIND = {
    WORKSPACE_PREFIX: "this is an admin key, and it works below /v2/admin alone",
    ADMIN_PREFIX: "this is a workspace's API key, and the admin API has keys of its own",
}
Who = TypeVar("Who", "Caller", "Admin")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, by the workspace's key that came with it."""

    workspace_id: str
    key_id: str
    scopes: frozenset[str]
    acts_for_people: bool
    actor: str
    """The person named by a trusted key, else the key's own name."""
    public_id: str = ""
    expires_at: float | None = None

    def acting_for(self, person: str | None) -> Caller:
        """This caller on behalf of ``person``, where the key may say so; anyone else's word is not heard."""
        if not person or not self.acts_for_people:
            return self
        return replace(self, actor=_as_actor(person) or self.actor)

    def require(self, scope: Scope) -> None:
        """Raises ``ApiError`` 403 where the key lacks ``scope``."""
        if scope not in self.scopes:
            raise ApiError(
                403, "Forbidden", f"this API key lacks the scope '{scope}'; it has: {', '.join(sorted(self.scopes))}"
            )


@dataclass(frozen=True, slots=True)
class Admin:
    """Who makes a request of the admin API, by the admin key that came with it."""

    key_id: str
    actor: str
    """The person that the request names, else the key's own name."""
    public_id: str
    expires_at: float | None = None

    def acting_for(self, person: str | None) -> Admin:
        """This operator on behalf of ``person``: admin keys are trusted."""
        return replace(self, actor=_as_actor(person) or self.actor) if person else self


def _as_actor(person: str) -> str:
    """A header holds ASCII alone, so a name comes percent-encoded."""
    return "".join(filter(str.isprintable, unquote(person)))[:MAX_ACTOR_LENGTH]


@dataclass(frozen=True, slots=True)
class _Known(Generic[Who]):
    secret_sha256: str
    who: Who
    believed_until: float
    """On the monotonic clock."""


class _Keys(Generic[Who]):
    """One kind of key."""

    def __init__(
        self, database: Database, table: type[ApiKey | AdminKey], prefix: str, who: Callable[..., Who]
    ) -> None:
        self._database = database
        self._table = table
        self._prefix = prefix
        self._who: Callable[..., Who] = who
        self._query = select(*table.__table__.c).where(
            table.public_id == bindparam("public_id"), table.revoked_at.is_(None)
        )
        self._known: dict[str, _Known[Who]] = {}
        self._changes = 0
        self._used: dict[str, float] = {}
        self._written: dict[str, float] = {}

    async def identify(self, key: str | None) -> Who:
        """Whose key this is. Raises ``ApiError`` 401."""
        given = parse(key) if key else None
        if given is None:
            raise self._refusal("there is no API key" if not key else "this is not an API key of this server")
        if given.prefix != self._prefix:
            raise self._refusal(_OTHER_KIND[self._prefix])
        known = self._known.get(given.public_id)
        matches = compare_digest(known.secret_sha256 if known else _NOBODY, given.digest)
        if known is None or not matches or known.believed_until < time.monotonic():
            known = await self._look_up(given.public_id)
            matches = compare_digest(known.secret_sha256 if known else _NOBODY, given.digest)
        if known is None or not matches:
            raise self._refusal("this API key is unknown, wrong or revoked")
        moment = now()
        if known.who.expires_at is not None and known.who.expires_at <= moment:
            raise self._refusal("this API key has expired")
        self._used[known.who.key_id] = moment
        return known.who

    async def _look_up(self, public_id: str) -> _Known[Who] | None:
        while True:
            changes = self._changes
            row = await self._database.fetch_one(self._query, {"public_id": public_id})
            if changes == self._changes:
                break  # else a key has ended since the question was asked, perhaps this one
        if row is None:
            self._known.pop(public_id, None)
            return None
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        known = _Known(row.secret_sha256, self._who(row), time.monotonic() + REMEMBERED_SECONDS)
        self._known[public_id] = known
        return known

    def _refusal(self, problem: str) -> ApiError:
        return ApiError(401, "Unauthorized", f"{problem}; {_HOW[self._prefix]}")

    def forget(self, key_ids: Iterable[str]) -> None:
        ended = set(key_ids)
        self._changes += 1
        self._known = {name: known for name, known in self._known.items() if known.who.key_id not in ended}

    async def record_use(self, *, everything: bool) -> None:
        moment = now()
        pause = 0.0 if everything else WRITE_USE_EVERY
        due = {key: used for key, used in self._used.items() if used > self._written.get(key, -pause) + pause}
        if due:
            keys = self._table.__table__.c
            newer = or_(keys.last_used_at.is_(None), keys.last_used_at < bindparam("moment"))
            statement = update(self._table.__table__).where(keys.id == bindparam("key"), newer)  # type: ignore[arg-type]
            async with self._database.write() as session:
                await session.execute(
                    statement.values(last_used_at=bindparam("moment")),
                    [{"key": key, "moment": used} for key, used in due.items()],
                )
        self._written = {key: wrote for key, wrote in (self._written | due).items() if wrote > moment - WRITE_USE_EVERY}
        self._used = {key: used for key, used in self._used.items() if key not in due or used > due[key]}


class KeyRing:
    """Tells who a key is."""

    def __init__(self, database: Database) -> None:
        self._callers: _Keys[Caller] = _Keys(database, ApiKey, WORKSPACE_PREFIX, _caller)
        self._admins: _Keys[Admin] = _Keys(database, AdminKey, ADMIN_PREFIX, _admin)

    async def identify(self, key: str | None) -> Caller:
        """The caller whose key this is. Raises ``ApiError`` 401."""
        return await self._callers.identify(key)

    async def identify_admin(self, key: str | None) -> Admin:
        """The operator whose key this is. Raises ``ApiError`` 401."""
        return await self._admins.identify(key)

    def forget(self, key_ids: Iterable[str]) -> None:
        """These keys have changed or ended: they are looked up anew from this moment on."""
        ended = set(key_ids)
        self._callers.forget(ended)
        self._admins.forget(ended)

    async def record_use(self, *, everything: bool = False) -> None:
        """Write down when keys were last used, for each at most once in ``WRITE_USE_EVERY`` seconds."""
        await self._callers.record_use(everything=everything)
        await self._admins.record_use(everything=everything)


def _caller(key: ApiKey) -> Caller:
    scopes = frozenset(key.scopes.split(","))
    return Caller(key.workspace_id, key.id, scopes, key.acts_for_people, key.name, key.public_id, key.expires_at)


def _admin(key: AdminKey) -> Admin:
    return Admin(key.id, key.name, key.public_id, key.expires_at)
