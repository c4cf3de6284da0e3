"""``/summary``: what a workspace has, counted."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import Reader, answer, errors, get_core
from sandboxcore.server.api.summary_schemas import SummaryOut
from sandboxcore.server.services.summary import summary

router = APIRouter(tags=["limits and usage"])


@router.get("/summary", response_model=SummaryOut, responses=errors())
async def get_summary(request: Request, caller: Reader) -> Response:
    """Sandboxes, templates, volumes and pools, counted at one moment; the idlest sandboxes and the newest failures."""
    core = get_core(request)
    return answer(await summary(core.database, workspace_id=caller.workspace_id, activity=core.activity))
