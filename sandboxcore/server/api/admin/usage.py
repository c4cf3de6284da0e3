"""``/v2/admin/workspaces/{workspace}/usage``: what a workspace has used."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.admin.common import Operator, WorkspaceName, find_workspace
from sandboxcore.server.api.common import errors, get_core
from sandboxcore.server.api.usage import usage_answer
from sandboxcore.server.api.usage_schemas import UsageOut, UsageQuery
from sandboxcore.server.services import usage

router = APIRouter(prefix="/workspaces/{workspace}/usage", tags=["admin: limits"])


@router.get("", response_model=UsageOut, responses=errors(404, 422))
async def get_usage(
    request: Request, actor: Operator, workspace: WorkspaceName, asked: Annotated[UsageQuery, Query()]
) -> Response:
    """What a workspace has used, as its own `GET /v2/sandboxes/usage` tells it."""
    del actor  # any admin key may ask
    found = await find_workspace(request, workspace)
    report = await usage.report(get_core(request).database, workspace_id=found.id, **asked.as_asked())
    return await usage_answer(report)
