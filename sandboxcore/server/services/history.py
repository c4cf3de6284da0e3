"""Sandboxes by identifier, those that have ended as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import bindparam, select

from sandboxcore.server.clock import iso
from sandboxcore.server.db.models import EndedSandbox
from sandboxcore.server.errors import NotFoundError
from sandboxcore.server.names import is_id
from sandboxcore.server.services import sandboxes
from sandboxcore.server.services.ending import StopReason
from sandboxcore.server.services.filters import Exactly, OneOf
from sandboxcore.server.services.listing import Listing, Sort

if TYPE_CHECKING:
    from sqlalchemy import Row

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

_BY_ID = select(EndedSandbox.__table__).where(
    EndedSandbox.workspace_id == bindparam("workspace_id"), EndedSandbox.id == bindparam("id")
)

HISTORY = Listing(
    name="history",
    rows=select(EndedSandbox.__table__),
    counted=select(EndedSandbox.id),
    owner=EndedSandbox.workspace_id,
    identity=Sort(EndedSandbox.id, "id"),
    default_sort="-ended_at",
    sorts={
        "ended_at": Sort(EndedSandbox.ended_at, "ended_at", "number"),
        "created_at": Sort(EndedSandbox.created_at, "created_at", "number"),
        "name": Sort(EndedSandbox.name, "name"),
    },
    searched={"name": EndedSandbox.name, "template's name": EndedSandbox.template_name},
    filters={
        "name": Exactly(EndedSandbox.name, "Sandboxes that had this name at their end."),
        "template": Exactly(EndedSandbox.template_name, "Sandboxes of the template that then had this name."),
        "pool": Exactly(EndedSandbox.pool_name, "Sandboxes that came from the pool that then had this name."),
        "stop_reason": OneOf(EndedSandbox.stop_reason, get_args(StopReason), "Sandboxes that ended for this reason."),
        "created_by": Exactly(EndedSandbox.created_by, "Sandboxes that this creator made."),
        "ended_by": Exactly(EndedSandbox.ended_by, "Sandboxes that this person, key or `system` ended."),
    },
)


async def find_past(database: Database, *, caller: Caller, name: str) -> dict[str, Any]:
    """A living sandbox by name or identifier, or an ended one by identifier. Raises ``NotFoundError``."""
    try:
        return living_view(await sandboxes.get_sandbox(database, caller=caller, name=name))
    except NotFoundError:
        if not is_id(name):
            raise
    found = await database.fetch_one(_BY_ID, {"workspace_id": caller.workspace_id, "id": name})
    if found is None:
        raise NotFoundError("sandbox", name)
    return ended_view(found)


def ended_view(ended: Row[Any]) -> dict[str, Any]:
    """A sandbox that has ended."""
    return _view(ended) | {
        "status": "ended",
        "ended_by": ended.ended_by,
        "ended_at": iso(ended.ended_at),
    }


def living_view(sandbox: Row[Any]) -> dict[str, Any]:
    """A sandbox that has not, in the same form."""
    return _view(sandbox) | {"status": sandbox.state, "ended_by": None, "ended_at": None}


def _view(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "template_name": row.template_name or "",
        "pool_name": row.pool_name,
        "failure": row.status_kind,
        "status_message": row.status_message,
        "stop_reason": row.stop_reason,
        "created_by": row.created_by,
        "created_at": iso(row.created_at),
        "ready_at": iso(row.ready_at),
    }
