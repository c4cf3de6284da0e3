"""``/limits`` and ``/usage``: what a workspace may hold, holds, and has held."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.common import Reader, answer, errors, get_core
from sandboxcore.server.api.usage_schemas import LimitsOut, UsageOut, UsageQuery
from sandboxcore.server.clock import iso
from sandboxcore.server.services import quota, usage
from sandboxcore.server.services.lifetimes import LifetimeRules

if TYPE_CHECKING:
    from sandboxcore.server.services.usage import Report

router = APIRouter(tags=["limits and usage"])


@router.get("/limits", response_model=LimitsOut, responses=errors())
async def get_limits(request: Request, caller: Reader) -> Response:
    """Each limit of the workspace with what is held of it now, and the lifetimes of its sandboxes."""
    core = get_core(request)
    limits = await quota.limits_of(core.database, caller.workspace_id)
    held = await quota.held(core.database, caller.workspace_id)
    rules = LifetimeRules.of(limits, core.settings)
    lifetimes = {
        "max_ttl_seconds": rules.longest if rules.must_end else None,
        "default_ttl_seconds": rules.choose(None, None).ttl_seconds,
        "default_idle_ttl_seconds": rules.choose(None, None).idle_ttl_seconds,
    }
    counted = {name: {"limit": limits.of(name), "held": value} for name, value in asdict(held).items()}
    return answer({**counted, "lifetimes": lifetimes})


@router.get("/usage", response_model=UsageOut, responses=errors(422))
async def get_usage(request: Request, caller: Reader, asked: Annotated[UsageQuery, Query()]) -> Response:
    """What the workspace has used, by hour or day (UTC) or in total, by template or by creator.

    Without `to` until now; without `from` the last 30 days, or the last day by hours. What is still held counts until
    now. Steps and groups that used nothing are left out.
    """
    found = await usage.report(get_core(request).database, workspace_id=caller.workspace_id, **asked.as_asked())
    return await usage_answer(found)


async def usage_answer(report: Report) -> Response:
    """A report of usage as the API shows it; it may be long, so a thread writes it."""
    return await asyncio.to_thread(lambda: answer(_usage_body(report)))


def _usage_body(report: Report) -> dict[str, Any]:
    rows = [
        {
            "from": iso(each.start),
            "to": iso(each.end),
            "group": each.group,
            **each.amounts,
            "sandboxes_started": each.sandboxes_started,
        }
        for each in report.usage
    ]
    span = report.span
    return {"from": iso(span.start), "to": iso(span.end), "step": span.step, "by": report.by, "usage": rows}
