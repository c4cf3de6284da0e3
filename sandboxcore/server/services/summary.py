"""What a workspace has, counted: the figures of a first page, all of one moment.

They are one statement, so that they fit together: on both databases a statement sees one snapshot.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Double,
    Integer,
    Select,
    String,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from sandboxcore.server.clock import iso
from sandboxcore.server.db.models import IS_WANTED, Pool, Sandbox, Template, Volume
from sandboxcore.server.services.pools import POOLS
from sandboxcore.server.services.views import pool_status, status_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Row

    from sandboxcore.server.activity import Activity
    from sandboxcore.server.db.engine import Database

MOST_SHOWN = 5
MOST_LOOKED_AT = 25
"""Sandboxes among which the idlest are looked for: the database learns of their use up to a minute late."""
SANDBOX_STATES = VOLUME_STATES = ("ready", "provisioning", "failed")
POOL_STATUSES = ("filling", "ready", "paused", "failing", "limited")
_WORKSPACE = bindparam("workspace_id", type_=String)
_COLUMNS: dict[str, type[String] | type[Double[float]] | type[BigInteger] | type[Integer]] = {
    "state": String,
    "id": String,
    "name": String,
    "status_kind": String,
    "status_message": String,
    "at": Double,
    "cpu_millis": BigInteger,
    "memory_bytes": BigInteger,
    "replicas": BigInteger,
    "ready_replicas": BigInteger,
    "limited": Integer,
    "number": BigInteger,
}


def _part(kind: str, source: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Rows of one kind, with every column that any kind has."""
    found = source.subquery().c
    filled = [
        (cast(found[name], of_type) if name in found else cast(null(), of_type)).label(name)
        for name, of_type in _COLUMNS.items()
    ]
    return select(literal(kind).label("kind"), *filled)


def _newest_or_idlest(state: str, moment: Any, order: Any, most: int) -> Select[Any]:
    of_workspace = (Sandbox.workspace_id == _WORKSPACE, ~Sandbox.warm, Sandbox.state == state)
    about = (Sandbox.state, Sandbox.id, Sandbox.name, Sandbox.status_kind, Sandbox.status_message)
    holds = (Sandbox.cpu_millis, Sandbox.memory_bytes)
    return select(*about, *holds, moment.label("at")).where(*of_workspace).order_by(order, Sandbox.id).limit(most)


_NUMBER = func.count().label("number")
_SUMMARY = union_all(
    _part(
        "sandboxes",
        select(Sandbox.state, _NUMBER)
        .where(Sandbox.workspace_id == _WORKSPACE, IS_WANTED, ~Sandbox.warm)
        .group_by(Sandbox.state),
    ),
    _part("warm", select(_NUMBER).where(Sandbox.workspace_id == _WORKSPACE, IS_WANTED, Sandbox.warm)),
    _part("templates", select(_NUMBER).where(Template.workspace_id == _WORKSPACE)),
    _part(
        "volumes",
        select(Volume.state, _NUMBER)
        .where(Volume.workspace_id == _WORKSPACE, Volume.state != "deleting")
        .group_by(Volume.state),
    ),
    _part("pools", POOLS.order_by(None).where(Pool.workspace_id == _WORKSPACE)),
    _part("idle", _newest_or_idlest("ready", Sandbox.last_activity_at, Sandbox.last_activity_at.asc(), MOST_LOOKED_AT)),
    _part("failed", _newest_or_idlest("failed", Sandbox.updated_at, Sandbox.updated_at.desc(), MOST_SHOWN)),
)


async def summary(database: Database, *, workspace_id: str, activity: Activity) -> dict[str, Any]:
    """What a workspace has, as the API shows it."""
    rows = await database.fetch_all(_SUMMARY, {"workspace_id": workspace_id})
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row)
    pools = found.get("pools", [])
    return {
        "sandboxes": {**_by_state(found.get("sandboxes", ()), SANDBOX_STATES), "warm": _count(found["warm"])},
        "templates": _count(found["templates"]),
        "volumes": _by_state(found.get("volumes", ()), VOLUME_STATES),
        "pools": dict.fromkeys(POOL_STATUSES, 0) | Counter(pool_status(pool) for pool in pools),
        "ready_replicas": sum(pool.ready_replicas for pool in pools),
        "wanted_replicas": sum(pool.replicas for pool in pools),
        "idle": _idlest(found.get("idle", ()), activity.last),
        "failed": [_failed(row) for row in found.get("failed", ())],
    }


def _by_state(rows: Iterable[Row[Any]], states: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(states, 0) | {row.state: row.number for row in rows}


def _count(rows: Iterable[Row[Any]]) -> int:
    return sum(row.number for row in rows)


def _idlest(rows: Iterable[Row[Any]], last: Callable[[str, float], float]) -> list[dict[str, Any]]:
    used = sorted((last(row.id, row.at), row.id, row) for row in rows)
    return [
        {
            "id": row.id,
            "name": row.name,
            "last_activity_at": iso(at),
            "cpu_millis": row.cpu_millis,
            "memory_bytes": row.memory_bytes,
        }
        for at, _, row in used[:MOST_SHOWN]
    ]


def _failed(row: Row[Any]) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "status_message": status_message(row), "updated_at": iso(row.at)}
