"""Readings: what sandboxes and workspaces use over time, written in rounds and forgotten after a while.

A round is one measurement of everything. Its number is when it was due, so that of several servers only the one that
inserts it measures. Every round is kept for an hour or so, and one a minute for a day or so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, literal, or_, select
from sqlalchemy.exc import IntegrityError

from sandboxcore.server.db.models import Base, Reading, ReadingRound, WorkspaceReading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore.server.db.engine import Database

COARSE_SECONDS = 60.0
BATCH = 500
"""Readings that one transaction forgets, so that nobody waits long for the database."""
PAUSE = 0.005
_ROUNDS = Base.metadata.tables["reading_rounds"]
_INSERT = insert(Base.metadata.tables["readings"])
_INSERT_WORKSPACES = insert(Base.metadata.tables["workspace_readings"])
_IS_NEW = ~select(_ROUNDS.c.number).where(_ROUNDS.c.number == bindparam("number")).exists()
_HAS_COARSE = (
    select(_ROUNDS.c.number).where(_ROUNDS.c.coarse, _ROUNDS.c.number.between(bindparam("minute"), bindparam("number")))
).exists()
_CLAIM = (
    insert(_ROUNDS)
    .from_select(
        ["number", "coarse"], select(bindparam("number", type_=_ROUNDS.c.number.type), ~_HAS_COARSE).where(_IS_NEW)
    )
    .returning(_ROUNDS.c.number)
)


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many seconds rounds are kept: all of them, and one a minute."""

    fine: float
    coarse: float


async def claim_round(database: Database, *, actor: str, moment: float, interval: float) -> int | None:
    """Whoever gets the number of the round that is due measures; None where another server does or did."""
    del actor  # what is measured leaves no other trace
    number = int(moment // interval * interval * 1000)
    minute = int(moment // COARSE_SECONDS * COARSE_SECONDS * 1000)
    try:
        async with database.write() as session:
            claimed: int | None = await session.scalar(_CLAIM, {"number": number, "minute": minute})
    except IntegrityError:
        return None  # at the same moment
    return claimed


async def write_readings(database: Database, *, actor: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write down what some sandboxes used; each row has all columns of ``Reading``."""
    del actor
    if rows:
        async with database.write() as session:
            await session.execute(_INSERT, rows)


async def write_sums(database: Database, *, actor: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write down what workspaces used; each row has all columns of ``WorkspaceReading``."""
    del actor
    if rows:
        async with database.write() as session:
            await session.execute(_INSERT_WORKSPACES, rows)


async def forget_readings(database: Database, *, actor: str, moment: float, kept: Kept) -> None:
    """Forget rounds that are older than they are kept, each with its readings before itself."""
    del actor
    too_old = or_(
        ReadingRound.number < int((moment - kept.coarse) * 1000),
        ~ReadingRound.coarse & (ReadingRound.number < int((moment - kept.fine) * 1000)),
    )
    for row in await database.fetch_all(select(ReadingRound.number).where(too_old).order_by(ReadingRound.number), {}):
        more = True
        while more:
            more = await _forget_some(database, row.number)
            await asyncio.sleep(PAUSE)
        async with database.write() as session:
            await session.execute(delete(WorkspaceReading).where(WorkspaceReading.round == row.number))
            await session.execute(delete(ReadingRound).where(ReadingRound.number == row.number))


async def _forget_some(database: Database, number: int) -> bool:
    """Forget up to ``BATCH`` readings of a round; whether there may be more."""
    first = select(Reading.sandbox_id).where(Reading.round == number).order_by(Reading.sandbox_id).limit(BATCH)
    last = select(func.max(first.subquery().c.sandbox_id))
    row = await database.fetch_one(last, {})
    if row is None or row[0] is None:
        return False
    gone = delete(Reading).where(Reading.round == number, Reading.sandbox_id <= literal(row[0]))
    async with database.write() as session:
        await session.execute(gone, execution_options={"synchronize_session": False})
    return True
