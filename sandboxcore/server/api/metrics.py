"""``/metrics`` and ``/boxes/{name}/metrics``: what the workspace and its sandboxes use over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.common import Reader, answer, errors, get_core
from sandboxcore.server.api.metrics_schemas import MetricsOut, MetricsQuery, WorkspaceMetricsOut
from sandboxcore.server.clock import iso
from sandboxcore.server.services import metrics

if TYPE_CHECKING:
    from sandboxcore.server.services.metrics import Span

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_model=WorkspaceMetricsOut, responses=errors(422))
async def get_metrics(request: Request, caller: Reader, asked: Annotated[MetricsQuery, Query()]) -> Response:
    """What all sandboxes of the workspace use together, by default in the last hour."""
    core = get_core(request)
    span = asked.span(core.settings.readings_interval)
    points = await metrics.workspace_points(core.database, caller.workspace_id, span)
    return answer({**_head(span), "points": points})


@router.get("/boxes/{name}/metrics", response_model=MetricsOut, responses=errors(404, 422))
async def get_sandbox_metrics(
    request: Request, caller: Reader, name: str, asked: Annotated[MetricsQuery, Query()]
) -> Response:
    """What a sandbox uses, by default in the last hour; by its identifier also after its end.

    There is a point every few seconds for the last hour, and one a minute for the last day.
    """
    core = get_core(request)
    span = asked.span(core.settings.readings_interval)
    found = await metrics.find_measured(core.database, caller=caller, name=name)
    limits = {field: found.limits.get(field) or None for field in metrics.HELD} | {"pids": core.settings.sandbox_pids}
    points = await metrics.sandbox_points(core.database, found.sandbox_id, span)
    return answer({**_head(span), "limits": limits, "points": points})


def _head(span: Span) -> dict[str, Any]:
    return {"from": iso(span.start), "to": iso(span.end), "step_seconds": span.step}
