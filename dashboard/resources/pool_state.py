"""How a pool is and how its creates went, told to a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard import quantities
from dashboard.lists import cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.safestring import SafeString

    from dashboard.teams.access import Access
    from sandboxcore.models import Pool
    from sandboxcore.reports import PoolClaim

_COLOURS = {"ready": "green", "filling": "blue", "paused": "secondary", "failing": "red", "limited": "orange"}
REASONS = {
    "empty": "every warm sandbox was taken",
    "paused": "the pool was paused",
    "failing": "the pool could not be filled",
    "limited": "the workspace's limits left no room",
    "dead": "the warm ones had ended unnoticed",
}
HOUR = 3600
_TRIES = re.compile(r" \(filling failed [^()]*; the next try is at [^()]*\)\Z")


def pool_badge(status: Any, pool: Pool | None = None, access: Access | None = None) -> SafeString:
    """The status of a pool."""
    words = cells.visible(status or "unknown")
    return cells.badge(words, _COLOURS.get(words, "secondary"), moving=status == "filling")


def cause_of(message: str | None) -> str:
    """Why a pool cannot be filled, without how often it failed and when the next try is: that is told beside it."""
    return _TRIES.sub("", message or "")


def reason_of(reason: str | None) -> str:
    """Why there was no warm sandbox, in words; a reason that is not known yet by its name."""
    return REASONS.get(reason or "", reason or "")


def milliseconds(value: object) -> str:
    """A time for a person: ``4.1 ms``, ``310 ms``, ``1.2 s``."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return cells.NOTHING
    if value >= 1000:
        return f"{value / 1000:,.1f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


@dataclass(frozen=True, slots=True)
class Told:
    """One create for the pool's template."""

    at: str
    hit: bool
    took: str
    why: str

    @classmethod
    def of(cls, claim: PoolClaim) -> Told:
        """What a claim says."""
        return cls(claim.at, claim.hit, milliseconds(claim.ms), reason_of(claim.reason))


@dataclass(frozen=True, slots=True)
class Economics:
    """What the newest creates add up to, in words; a suggestion is None where there is none or it is taken already."""

    hits: int
    misses: int
    rate: str
    claims: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, int], ...]
    waited: tuple[tuple[str, str], ...]
    suggested: int | None
    because: str
    fits: bool
    """Whether the pool has the suggested size."""

    @classmethod
    def of(cls, pool: Pool) -> Economics:
        """The statistics of a pool; a server that tells none leaves them empty."""
        stats: Mapping[str, Any] = pool.stats or {}
        rate = stats.get("hit_rate")
        suggested = _whole(stats.get("suggested_replicas"))
        times = (("Warm, median", "claim_ms_p50"), ("Warm, 99 of 100", "claim_ms_p99"), ("Cold, median", "cold_ms_p50"))
        reasons = stats.get("misses_by_reason")
        counted = reasons.items() if isinstance(reasons, dict) else ()
        return cls(
            hits=_whole(stats.get("hits")) or 0,
            misses=_whole(stats.get("misses")) or 0,
            rate=f"{rate:.1%}" if isinstance(rate, int | float) else "",
            claims=tuple((label, milliseconds(stats.get(name))) for label, name in times),
            reasons=tuple((reason_of(str(name)), _whole(count) or 0) for name, count in counted),
            waited=_waited(stats),
            suggested=suggested,
            because=str(stats.get("suggested_because") or ""),
            fits=suggested == pool.replicas,
        )


def _waited(stats: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What warm sandboxes cost while they waited, in hours."""
    seconds, cpu, memory = (
        stats.get(name) for name in ("warm_seconds", "warm_cpu_seconds", "warm_memory_byte_seconds")
    )
    if not all(isinstance(each, int | float) for each in (seconds, cpu, memory)):
        return ()
    return (
        ("Sandbox hours", f"{float(seconds or 0) / HOUR:,.2f}"),
        ("Core hours", f"{float(cpu or 0) / HOUR:,.2f}"),
        ("Memory hours", f"{quantities.tell_bytes(int(float(memory or 0) / HOUR))} h"),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
