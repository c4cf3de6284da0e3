"""``/v2/admin/overview``: every workspace at a glance."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.admin.common import Limit, Offset, Operator  # noqa: TC001  # FastAPI reads them
from sandboxcore.server.api.admin.schemas import OverviewOut
from sandboxcore.server.api.common import answer, errors, get_core
from sandboxcore.server.services import overview

router = APIRouter(prefix="/overview", tags=["admin: workspaces"])


@router.get("", response_model=OverviewOut, responses=errors(422))
async def get_overview(
    request: Request,
    actor: Operator,
    q: Annotated[str | None, Query(max_length=100, description="A part of the name.")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """A page of workspaces, by name, with what each has."""
    del actor  # any admin key may ask
    return answer(await overview.overview(get_core(request).database, q=q, limit=limit, offset=offset))
