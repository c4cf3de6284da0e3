"""``/pools``: sandboxes that are started before they are asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.common import Manager, Reader, answer, errors, get_core, no_content
from sandboxcore.server.api.listing import asked_page, described, wants_usage
from sandboxcore.server.api.schemas import ClaimsOut, PoolIn, PoolOut, PoolPatch, PoolsOut, PoolWithStatsOut
from sandboxcore.server.errors import ApiError
from sandboxcore.server.services import claims, pools
from sandboxcore.server.services.listing import page
from sandboxcore.server.services.lists import POOLS
from sandboxcore.server.services.views import pool_view

if TYPE_CHECKING:
    from sqlalchemy import Row

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core

router = APIRouter(prefix="/pools", tags=["pools"])
LOOK_SECONDS = 0.05


@router.post("", status_code=201, response_model=PoolOut, responses=errors(400, 409, 422, 429, 503, 504))
async def create_pool(request: Request, actor: Manager, body: PoolIn) -> Response:
    """Keep sandboxes of a template warm.

    With `wait_for_ready` the answer comes when all are ready; after 504 the pool stays and goes on filling.
    """
    core = get_core(request)
    core.runtime.require()
    pool_id = await pools.create_pool(
        core.database, actor=actor, name=body.name, template_name=body.template_name, replicas=body.replicas
    )
    core.pools.kick()
    if body.wait_for_ready:
        await _wait(core, actor, pool_id, body.timeout)
    return answer(pool_view(await pools.get_pool(core.database, caller=actor, name=pool_id)), 201)


async def _wait(core: Core, actor: Caller, pool_id: str, seconds: float) -> None:
    """Return when the pool is full. Raises ``ApiError`` 504."""
    pool: Row[Any] | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                pool = await pools.get_pool(core.database, caller=actor, name=pool_id)
                if pool.ready_replicas >= pool.replicas:
                    return
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        ready = f"{pool.ready_replicas} of {pool.replicas}" if pool else "none"
        why = f"; the last failure: {pool.status_message}" if pool and pool.status_message else ""
        message = f"{ready} sandboxes of the pool were ready within {seconds:g} seconds, and it goes on filling{why}"
        raise ApiError(504, "Timeout", message) from None


@router.get("", response_model=PoolsOut, responses=errors(422), openapi_extra=described(POOLS))
async def list_pools(request: Request, caller: Reader) -> Response:
    """Every pool of the workspace, oldest first; with any parameter a page of them."""
    database = get_core(request).database
    asked = asked_page(request, POOLS)
    if asked is None:
        found = await pools.list_pools(database, caller=caller)
        return answer({"pools": [pool_view(pool) for pool in found]})
    with_usage = wants_usage(request)
    part = await page(database, POOLS, asked, owner=caller.workspace_id)
    views = [pool_view(pool) for pool in part.rows]
    if with_usage:
        rates = await claims.hit_rates(database, [view["id"] for view in views])
        for view in views:
            view["stats"] = rates[view["id"]]
    return answer({"pools": views, **part.place()})


@router.get("/{name}", response_model=PoolWithStatsOut, responses=errors(404))
async def get_pool(request: Request, caller: Reader, name: str) -> Response:
    """A pool by name or identifier, with what its newest claims add up to."""
    database = get_core(request).database
    pool = await pools.get_pool(database, caller=caller, name=name)
    return answer({**pool_view(pool), "stats": await claims.stats(database, pool)})


@router.get("/{name}/claims", response_model=ClaimsOut, responses=errors(404, 422))
async def list_claims(
    request: Request, caller: Reader, name: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """The newest create calls for the pool's template, newest first."""
    database = get_core(request).database
    pool = await pools.get_pool(database, caller=caller, name=name)
    return answer({"claims": await claims.latest(database, pool.id, limit=limit)})


@router.patch("/{name}", response_model=PoolOut, responses=errors(404, 409, 422, 429))
async def update_pool(request: Request, actor: Manager, name: str, body: PoolPatch) -> Response:
    """Rename a pool or change how many sandboxes it keeps; 0 pauses it."""
    core = get_core(request)
    pool_id = await pools.update_pool(core.database, actor=actor, name=name, new_name=body.name, replicas=body.replicas)
    core.pools.kick()
    return answer(pool_view(await pools.get_pool(core.database, caller=actor, name=pool_id)))


@router.delete("/{name}", status_code=204, response_class=Response, responses=errors(404))
async def delete_pool(request: Request, actor: Manager, name: str) -> Response:
    """Remove a pool and its warm sandboxes; those that were claimed stay."""
    core = get_core(request)
    members = await pools.delete_pool(core.database, actor=actor, name=name)
    await asyncio.gather(*(core.starter.end(sandbox_id) for sandbox_id in members))
    return no_content()
