"""``/v2/admin/reconciliation``: where the database and the runtime differ, and mending it now."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select

from sandboxcore.runtimes.base import RuntimeUnavailableError
from sandboxcore.server import reconcile
from sandboxcore.server.api.admin.common import Operator  # noqa: TC001  # FastAPI reads it
from sandboxcore.server.api.admin.schemas import ReconciliationOut
from sandboxcore.server.api.common import answer, errors, get_core
from sandboxcore.server.clock import iso, now
from sandboxcore.server.db.models import Workspace
from sandboxcore.server.reconcile import Mended
from sandboxcore.server.runtime import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandboxcore.server.core import Core

router = APIRouter(prefix="/reconciliation", tags=["admin: reconciliation"])
MOST = 1000
"""Differences that one answer tells."""
RemoveVolumes = Annotated[
    bool, Query(description="Remove the volumes that no row of the database knows, with all that they hold.")
]


@router.get("", response_model=ReconciliationOut, responses=errors(503))
async def get_reconciliation(request: Request, actor: Operator) -> Response:
    """What the next reconciliation would do, and what it leaves alone; nothing is done. Usually there is nothing."""
    del actor  # any admin key may ask
    core = get_core(request)
    with _told(core):
        found = [Mended(difference, None) for difference in await reconcile.look(core)]
    return await _show(core, found)


@router.post("", response_model=ReconciliationOut, responses=errors(422, 503))
async def run_reconciliation(request: Request, actor: Operator, remove_volumes: RemoveVolumes = False) -> Response:
    """Mend what differs now, and say what became of each difference. Safe to repeat."""
    del actor  # what is mended was wanted by whoever wanted it, and is the system's doing
    core = get_core(request)
    with _told(core):
        mended = await reconcile.reconcile_thoroughly(core, remove_volumes=remove_volumes)
    return await _show(core, mended)


@contextmanager
def _told(core: Core) -> Iterator[None]:
    """Raise ``ApiError`` 503 where the runtime cannot be asked, and note that it cannot."""
    try:
        yield
    except RuntimeUnavailableError as problem:
        core.runtime.report(problem)
        raise unavailable(problem) from None


async def _show(core: Core, found: Sequence[Mended]) -> Response:
    names = await _names(core, {mended.difference.workspace_id for mended in found[:MOST]} - {None})
    return answer(
        {
            "checked_at": iso(now()),
            "runtime": core.runtime.require().capabilities().runtime,
            "total": len(found),
            "differences": [_view(mended, names) for mended in found[:MOST]],
        }
    )


def _view(mended: Mended, names: dict[str, str]) -> dict[str, Any]:
    difference = mended.difference
    return {
        "kind": difference.kind,
        "id": difference.id,
        "workspace": names.get(difference.workspace_id or ""),
        "name": difference.name,
        "action": difference.action,
        "reason": difference.reason,
        "since": iso(difference.since),
        "outcome": mended.outcome,
        "message": mended.message,
    }


async def _names(core: Core, ids: set[str | None]) -> dict[str, str]:
    """Names of workspaces, but of those on their way out, which have none any more."""
    query = select(Workspace.id, Workspace.name).where(Workspace.id.in_(ids), Workspace.deleting_at.is_(None))
    return {row.id: row.name for row in await core.database.fetch_all(query, {})}
