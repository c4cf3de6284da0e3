"""``/v2/admin/workspaces/{workspace}/limits``: what a workspace may hold, and what it holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.admin.common import Operator, WorkspaceName, find_workspace
from sandboxcore.server.api.admin.schemas import LimitsAndHeldOut, WorkspaceLimitsIn
from sandboxcore.server.api.common import answer, errors, get_core
from sandboxcore.server.services import quota

if TYPE_CHECKING:
    from sandboxcore.server.db.engine import Database

router = APIRouter(prefix="/workspaces/{workspace}/limits", tags=["admin: limits"])


@router.get("", response_model=LimitsAndHeldOut, responses=errors(404))
async def get_limits(request: Request, actor: Operator, workspace: WorkspaceName) -> Response:
    """What a workspace may hold, and what it holds now."""
    del actor  # any admin key may ask
    database = get_core(request).database
    found = await find_workspace(request, workspace)
    return await _show(database, found.id)


@router.patch("", response_model=LimitsAndHeldOut, responses=errors(404, 422))
async def set_limits(request: Request, actor: Operator, workspace: WorkspaceName, body: WorkspaceLimitsIn) -> Response:
    """Change what is given. Less than what is held ends nothing: there is just no room until enough is gone."""
    database = get_core(request).database
    found = await find_workspace(request, workspace)
    await quota.set_limits(database, actor=actor.actor, workspace_id=found.id, changes=body.changes())
    return await _show(database, found.id)


async def _show(database: Database, workspace_id: str) -> Response:
    limits = await quota.limits_of(database, workspace_id)
    return answer({"limits": asdict(limits), "held": asdict(await quota.held(database, workspace_id))})
