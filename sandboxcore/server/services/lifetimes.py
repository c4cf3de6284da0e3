"""Lifetimes: what a workspace allows, what a sandbox gets, and when its time is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.server.errors import InvalidError
from sandboxcore.server.services import quota

if TYPE_CHECKING:
    from sandboxcore.server.config import Settings
    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.services.quota import Limits


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds, whole minutes, 0 for none."""

    ttl_seconds: int
    idle_ttl_seconds: int

    def expires_at(self, created_at: float, last_activity_at: float) -> float | None:
        """The earlier of the two deadlines, or None."""
        deadlines = []
        if self.ttl_seconds:
            deadlines.append(created_at + self.ttl_seconds)
        if self.idle_ttl_seconds:
            deadlines.append(last_activity_at + self.idle_ttl_seconds)
        return min(deadlines, default=None)


@dataclass(frozen=True, slots=True)
class LifetimeRules:
    """What a workspace allows and gives, in seconds."""

    longest: int
    """Longest lifetime or idle time that may be asked for."""
    must_end: bool
    """Whether every sandbox has to end within ``longest``, so that none may be without a lifetime."""
    default_ttl: int
    default_idle_ttl: int

    @classmethod
    def of(cls, limits: Limits, settings: Settings) -> LifetimeRules:
        """A workspace's own rules, and the server's where it has none."""
        longest = min(limits.max_ttl_seconds or settings.max_ttl_seconds, settings.max_ttl_seconds)
        own, own_idle = limits.default_ttl_seconds, limits.default_idle_ttl_seconds
        return cls(
            longest=longest,
            must_end=limits.max_ttl_seconds is not None,
            default_ttl=settings.default_ttl_seconds if own is None else own,
            default_idle_ttl=settings.default_idle_ttl_seconds if own_idle is None else own_idle,
        )

    def choose(self, ttl_seconds: int | None, idle_ttl_seconds: int | None) -> Lifetimes:
        """What a new sandbox gets; None is what its creator left open. Raises ``InvalidError``."""
        ttl = self._default_ttl() if ttl_seconds is None else self.check_ttl(ttl_seconds)
        idle = (
            min(self.default_idle_ttl, self.longest)
            if idle_ttl_seconds is None
            else self.check_idle_ttl(idle_ttl_seconds)
        )
        return Lifetimes(ttl, idle)

    def _default_ttl(self) -> int:
        if self.must_end and not self.default_ttl:
            return self.longest
        return min(self.default_ttl, self.longest)

    def check_ttl(self, seconds: int) -> int:
        """A lifetime that may be asked for. Raises ``InvalidError``."""
        if self.must_end and seconds == 0:
            message = (
                f"0 is no end, and a sandbox of this workspace lives at most {self.longest} seconds; "
                "give a lifetime up to that, or none at all for the default"
            )
            raise InvalidError(("body", "ttl_seconds"), message)
        return self._check(seconds, "ttl_seconds")

    def check_idle_ttl(self, seconds: int) -> int:
        """An idle time that may be asked for. Raises ``InvalidError``."""
        return self._check(seconds, "idle_ttl_seconds")

    def _check(self, seconds: int, field: str) -> int:
        if seconds < 0 or seconds % 60:
            raise InvalidError(("body", field), "give whole minutes in seconds (60, 120, …), or 0 to switch it off")
        if seconds > self.longest:
            raise InvalidError(("body", field), f"the most is {self.longest} seconds")
        return seconds


async def lifetime_rules(database: Database, settings: Settings, workspace_id: str) -> LifetimeRules:
    """The rules of a workspace now. Raises ``NotFoundError``."""
    return LifetimeRules.of(await quota.limits_of(database, workspace_id), settings)
