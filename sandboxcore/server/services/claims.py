"""Claims of pools: each create call for a template with a pool, kept for a while, and what they add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, func, insert, select

from sandboxcore.server.clock import iso, now
from sandboxcore.server.db.models import Base, Pool, PoolClaim, Sandbox
from sandboxcore.server.names import new_id
from sandboxcore.server.services.idling import idle_cost
from sandboxcore.server.services.sizing import suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Row

    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.services.sizing import Suggestion

WINDOW_SECONDS = 3600
USUAL = 0.9
"""The share of starts that take no longer than what is taken for the time of one."""
WINDOW_CLAIMS = 1000
"""Statistics are of the newest claims: at most so many, and not older than the window."""
_WARM_STARTS = select((Sandbox.ready_at - Sandbox.created_at).label("seconds")).where(
    Sandbox.pool_id == bindparam("pool_id"), Sandbox.warm, Sandbox.state == "ready"
)
_INSERT = insert(Base.metadata.tables["pool_claims"])


@dataclass(frozen=True, slots=True)
class Claim:
    """One create call: a hit where ``reason`` is empty, else why there was no warm sandbox."""

    pool_id: str
    at: float
    """Seconds since the epoch when the request came."""
    seconds: float | None
    """Until the sandbox was ready; None where it never was."""
    reason: str | None


async def write_down(database: Database, claims: Sequence[Claim]) -> None:
    """Store claims; those of pools that are gone are let go."""
    async with database.write() as session:
        living = select(Pool.id).where(Pool.id.in_({claim.pool_id for claim in claims}))
        # Locked against being deleted at the same moment; SQLite has one writer anyway.
        known = set(await session.scalars(living.with_for_update(read=True, key_share=True)))
        rows = [{"id": new_id(), "hit": claim.reason is None} | asdict(claim) for claim in claims]
        rows = [row for row in rows if row["pool_id"] in known]
        if rows:
            await session.execute(_INSERT, rows)


async def trim(database: Database, pool_ids: Collection[str], *, most: int, max_age: float) -> None:
    """Forget claims of these pools beyond the newest ``most``, and all that are older than ``max_age`` seconds."""
    async with database.write() as session:
        await session.execute(delete(PoolClaim).where(PoolClaim.at < now() - max_age))
        for pool_id in pool_ids:
            of_pool = PoolClaim.pool_id == pool_id
            newest = select(PoolClaim.at).where(of_pool).order_by(PoolClaim.at.desc())
            oldest_kept = await session.scalar(newest.offset(most - 1).limit(1))
            if oldest_kept is not None:
                await session.execute(delete(PoolClaim).where(of_pool, PoolClaim.at < oldest_kept))


async def latest(database: Database, pool_id: str, *, limit: int) -> list[dict[str, Any]]:
    """The newest claims of a pool, newest first, as the API shows them."""
    rows = await _newest(database, pool_id, limit=limit)
    return [{"at": iso(row.at), "hit": row.hit, "ms": _milliseconds(row.seconds), "reason": row.reason} for row in rows]


async def stats(database: Database, pool: Row[Any]) -> dict[str, Any]:
    """What the claims of the last ``WINDOW_SECONDS`` add up to, and what waiting has cost, as the API shows it."""
    rows = await _newest(database, pool.id, limit=WINDOW_CLAIMS, since=now() - WINDOW_SECONDS)
    warm = sorted(row.seconds for row in rows if row.hit and row.seconds is not None)
    cold = [row.seconds for row in rows if not row.hit and row.seconds is not None]
    hits = sum(row.hit for row in rows)
    suggested = await _suggestion(database, pool.id, rows, cold)
    return {
        **_rate(hits, len(rows)),
        "claim_ms_p50": _milliseconds(median(warm) if warm else None),
        "claim_ms_p99": _milliseconds(warm[min(len(warm) - 1, int(0.99 * len(warm)))] if warm else None),
        "cold_ms_p50": _milliseconds(median(cold) if cold else None),
        "misses_by_reason": dict(Counter(row.reason for row in rows if not row.hit)),
        "suggested_replicas": suggested.replicas,
        "suggested_because": suggested.because,
        **await idle_cost(database, pool, seconds=WINDOW_SECONDS),
    }


async def hit_rates(database: Database, pool_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How the creates of the last ``WINDOW_SECONDS`` went, for many pools at once, as the API shows it."""
    recent = PoolClaim.pool_id.in_(pool_ids), PoolClaim.at >= now() - WINDOW_SECONDS
    hits = func.sum(case((PoolClaim.hit, 1), else_=0)).label("hits")
    counted = select(PoolClaim.pool_id, hits, func.count().label("creates")).where(*recent)
    rows = await database.fetch_all(counted.group_by(PoolClaim.pool_id), {}) if pool_ids else []
    found = {row.pool_id: (int(row.hits), int(row.creates)) for row in rows}
    return {pool_id: _rate(*found.get(pool_id, (0, 0))) for pool_id in pool_ids}


def _rate(hits: int, creates: int) -> dict[str, Any]:
    rate = round(hits / creates, 4) if creates else None
    return {"hits": hits, "misses": creates - hits, "hit_rate": rate, "window_seconds": WINDOW_SECONDS}


async def _suggestion(database: Database, pool_id: str, rows: Sequence[Row[Any]], cold: list[float]) -> Suggestion:
    window = "the last hour" if len(rows) < WINDOW_CLAIMS else f"the newest {WINDOW_CLAIMS} creates"
    arrivals = sorted(row.at for row in rows)
    starts = sorted(row.seconds for row in await database.fetch_all(_WARM_STARTS, {"pool_id": pool_id})) or sorted(cold)
    usual = starts[min(len(starts) - 1, int(USUAL * len(starts)))] if starts else None
    return suggest(arrivals, usual, window=window)


async def _newest(database: Database, pool_id: str, *, limit: int, since: float = 0) -> Sequence[Row[Any]]:
    query = select(PoolClaim.at, PoolClaim.hit, PoolClaim.seconds, PoolClaim.reason)
    of_pool = query.where(PoolClaim.pool_id == pool_id, PoolClaim.at >= since)
    return await database.fetch_all(of_pool.order_by(PoolClaim.at.desc()).limit(limit), {})


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
