"""Commands that were run in sandboxes: written down as shims tell of them, found again, listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import and_, bindparam, delete, or_, select, update

from sandboxcore.server.clock import iso, now
from sandboxcore.server.db.models import IS_RUNNING, Base, Command, EndedSandbox, Sandbox
from sandboxcore.server.db.upserts import Upsert
from sandboxcore.server.errors import NotFoundError
from sandboxcore.server.services.filters import Before, Exactly, OneOf, Since
from sandboxcore.server.services.listing import Listing, Sort

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Row

    from sandboxcore.server.db.engine import Database

STATUSES = ("running", "exited", "killed", "timed_out", "failed", "lost")
ORIGINS = ("http", "stream", "terminal")
MOST_ERROR = 1000
"""Characters kept of why a command could not be started."""
BATCH = 500
_STATUS_BY_END = {"timeout": "timed_out", "idle": "timed_out", "disconnect": "killed", "kill": "killed"}
_COMMANDS = Base.metadata.tables["commands"]
_CHANGES = ("number", "status", "exit_code", "error", "ended_at", "stdout_bytes", "stderr_bytes")
_UPSERT = Upsert(_COMMANDS, _CHANGES, newer="number")
_ONE = select(_COMMANDS).where(Command.sandbox_id == bindparam("sandbox"), Command.id == bindparam("id"))
# Looked up first, by their own index: a database that begins with the sandboxes goes through all that they ever ran.
_OPEN = (
    select(Command.sandbox_id, Command.id, Command.started_at)
    .where(IS_RUNNING)
    .cte("open_commands")
    .prefix_with("MATERIALIZED")
)
_RUNNING = (
    select(_OPEN.c.sandbox_id, _OPEN.c.id, _OPEN.c.started_at, Sandbox.workspace_id, Sandbox.shim_socket)
    .join(Sandbox, Sandbox.id == _OPEN.c.sandbox_id)
    .where(Sandbox.state == "ready", Sandbox.shim_socket.is_not(None))
)

COMMANDS = Listing(
    name="commands",
    rows=select(_COMMANDS),
    counted=select(Command.id),
    owner=Command.sandbox_id,
    identity=Sort(Command.id, "id"),
    default_sort="-started_at",
    sorts={
        "started_at": Sort(Command.started_at, "started_at", "number"),
        "ended_at": Sort(Command.ended_at, "ended_at", "number", nullable=True),
        "command": Sort(Command.command, "command"),
        "status": Sort(Command.status, "status"),
        "exit_code": Sort(Command.exit_code, "exit_code", "integer", nullable=True),
        "actor": Sort(Command.actor, "actor"),
    },
    searched={"command": Command.command, "actor": Command.actor},
    filters={
        "status": OneOf(Command.status, STATUSES, "Commands in this status."),
        "origin": OneOf(Command.origin, ORIGINS, "Commands that were started in this way."),
        "actor": Exactly(Command.actor, "Commands that this person or key started."),
        "started_after": Since(Command.started_at, "Commands started at this moment or later."),
        "started_before": Before(Command.started_at, "Commands started before this moment."),
    },
)


@dataclass(frozen=True, slots=True)
class Place:
    """A sandbox that is ready, and where its shim listens."""

    sandbox_id: str
    workspace_id: str
    shim_socket: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A sandbox in which commands run, for all that is written down."""

    place: Place
    command_ids: frozenset[str]
    latest_start: float


async def write_down(database: Database, told: Sequence[tuple[Place, Sequence[Mapping[str, Any]]]]) -> None:
    """Store what shims told of; of sandboxes that are not known any more nothing is kept."""
    # In one order, so that two servers that write the same rows never wait for each other in a circle.
    rows = sorted(
        (_row(place, entry) for place, entries in told for entry in entries),
        key=lambda row: (row["sandbox_id"], row["id"]),
    )
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        async with database.write() as session:
            known = await known_sandboxes(session, {row["sandbox_id"] for row in some})
            if some := [row for row in some if row["sandbox_id"] in known]:
                await session.execute(_UPSERT.on(database), some)


async def known_sandboxes(session: Any, sandbox_ids: Collection[str]) -> set[str]:
    """Which of them live or are in the history."""
    living = select(Sandbox.id).where(Sandbox.id.in_(sandbox_ids))
    ended = select(EndedSandbox.id).where(EndedSandbox.id.in_(sandbox_ids))
    return {row[0] for row in (await session.execute(living.union(ended))).all()}


def _row(place: Place, entry: Mapping[str, Any]) -> dict[str, Any]:
    meta = entry["meta"]
    status = _status(entry)
    return {
        "sandbox_id": place.sandbox_id,
        "id": entry["command_id"],
        "workspace_id": place.workspace_id,
        "number": entry["number"],
        "command": entry["label"],
        "command_cut": bool(meta.get("cut")),
        "cwd": entry["cwd"],
        "env_names": orjson.dumps(meta.get("env", [])).decode(),
        "pty": entry["pty"],
        "origin": meta.get("origin", "stream"),
        "actor": meta.get("actor", ""),
        "status": status,
        "exit_code": entry["exit_code"],
        "error": str(entry["error"] or "")[:MOST_ERROR] if status == "failed" else None,
        "started_at": entry["started_at"],
        "ended_at": entry["finished_at"],
        "stdout_bytes": entry["stdout"],
        "stderr_bytes": entry["stderr"],
    }


def _status(entry: Mapping[str, Any]) -> str:
    if entry["state"] in ("starting", "running"):
        return "running"
    if entry["ended_by"]:
        return _STATUS_BY_END.get(entry["ended_by"], "killed")
    return "failed" if entry["exit_code"] is None else "exited"


async def watched(database: Database) -> list[Watched]:
    """Every ready sandbox in which, for all that is written down, commands run."""
    found: dict[Place, list[Row[Any]]] = {}
    for row in await database.fetch_all(_RUNNING, {}):
        found.setdefault(Place(row.sandbox_id, row.workspace_id, row.shim_socket), []).append(row)
    return [
        Watched(place, frozenset(row.id for row in rows), max(row.started_at for row in rows))
        for place, rows in found.items()
    ]


async def lose(database: Database, *, actor: str, sandbox_id: str, command_ids: Collection[str]) -> None:
    """Say that nobody knows how these commands ended, where that is not known meanwhile."""
    del actor
    lost = and_(Command.sandbox_id == sandbox_id, Command.id.in_(command_ids), IS_RUNNING)
    async with database.write() as session:
        await session.execute(update(Command).where(lost).values(status="lost", ended_at=now()))


async def close_ended(database: Database, *, actor: str) -> int:
    """End the commands of sandboxes that have ended: killed with them, or lost with a sandbox that died; how many."""
    del actor
    query = (
        select(Command.sandbox_id, Sandbox.state, EndedSandbox.ended_at, EndedSandbox.stop_reason)
        .outerjoin(Sandbox, Sandbox.id == Command.sandbox_id)
        .outerjoin(EndedSandbox, EndedSandbox.id == Command.sandbox_id)
        .where(IS_RUNNING, or_(Sandbox.id.is_(None), Sandbox.state == "failed"))
        .distinct()
        .limit(BATCH)
    )
    ended = await database.fetch_all(query, {})
    if ended:
        async with database.write() as session:
            for row in ended:
                died = row.state == "failed" or row.stop_reason in ("died", None)
                values = {"status": "lost" if died else "killed", "ended_at": row.ended_at or now()}
                its = and_(Command.sandbox_id == row.sandbox_id, IS_RUNNING)
                await session.execute(update(Command).where(its).values(values))
    return len(ended)


async def find_command(database: Database, *, sandbox_id: str, command_id: str) -> Row[Any]:
    """One command of a sandbox. Raises ``NotFoundError``."""
    found = await database.fetch_one(_ONE, {"sandbox": sandbox_id, "id": command_id})
    if found is None:
        raise NotFoundError("command", command_id)
    return found


async def is_pty(database: Database, *, sandbox_id: str, command_id: str) -> bool:
    """Whether a command that is written down has a terminal."""
    found = await database.fetch_one(_ONE, {"sandbox": sandbox_id, "id": command_id})
    return found is not None and bool(found.pty)


async def trim(database: Database, sandbox_ids: Collection[str], *, most: int) -> None:
    """Forget commands of these sandboxes beyond the newest ``most``, but none that runs."""
    for sandbox_id in sandbox_ids:
        of_sandbox = Command.sandbox_id == sandbox_id
        newest = select(Command.started_at).where(of_sandbox).order_by(Command.started_at.desc())
        first_gone = await database.fetch_one(newest.offset(most).limit(1), {})
        if first_gone is not None:
            async with database.write() as session:
                gone = (of_sandbox, Command.started_at <= first_gone[0], ~IS_RUNNING)
                await session.execute(delete(Command).where(*gone))


def command_view(row: Row[Any], held: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """A command as the API shows it; ``held`` is what its shim says of the output that it holds."""
    printed = held.get(row.id)
    running = row.status == "running"
    stdout, stderr = printed if running and printed else (row.stdout_bytes, row.stderr_bytes)
    return {
        "id": row.id,
        "command": row.command,
        "command_cut": row.command_cut,
        "cwd": row.cwd,
        "env_names": orjson.loads(row.env_names),
        "pty": row.pty,
        "origin": row.origin,
        "actor": row.actor,
        "status": row.status,
        "exit_code": row.exit_code,
        "error": row.error,
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "seconds": None if row.ended_at is None else round(max(0.0, row.ended_at - row.started_at), 4),
        "stdout_bytes": stdout,
        "stderr_bytes": stderr,
        "output": "gone" if printed is None else "live" if running else "kept",
    }
