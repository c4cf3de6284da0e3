"""The application: routes, failures, and what runs beside them for as long as the server is up."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from sandboxcore.server.api import (
    boxes,
    commands,
    dataplane,
    events,
    failures,
    metrics,
    pools,
    service_urls,
    snapshots,
    status,
    summary,
    templates,
    usage,
    volumes,
)
from sandboxcore.server.api.admin import router as admin_router
from sandboxcore.server.api.common import PREFIX
from sandboxcore.server.api.docs import mount_docs
from sandboxcore.server.api.event_stream import keep_listening
from sandboxcore.server.core import Core, build_core
from sandboxcore.server.db.migrate import migrate
from sandboxcore.server.middleware import Envelope
from sandboxcore.server.reaper import keep_forgetting, keep_reaping
from sandboxcore.server.reconcile import keep_reconciled
from sandboxcore.server.sampler import keep_reading, keep_sampling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandboxcore.runtimes.base import Runtime, RuntimeUnavailableError
    from sandboxcore.server.config import Settings

log = logging.getLogger("sandboxd")
DESCRIPTION = "Sandboxes for untrusted code: templates, sandboxes, commands and files. Send an API key in `X-Api-Key`."


def create_app(settings: Settings, runtime: Runtime | RuntimeUnavailableError) -> FastAPI:
    """The application on a runtime that is not started yet; its lifespan prepares the database and starts the rest."""
    core = build_core(settings, runtime)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(core):
            yield

    app = FastAPI(
        title="Sandbox API",
        version="2",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.core = core
    # Routes are tried in order: what is called most comes first.
    for router in (boxes.router, dataplane.router, templates.router, volumes.router, pools.router, events.router):
        app.include_router(router, prefix=PREFIX)
    app.include_router(commands.router, prefix=PREFIX)
    app.include_router(usage.router, prefix=PREFIX)
    app.include_router(metrics.router, prefix=PREFIX)
    app.include_router(summary.router, prefix=PREFIX)
    app.include_router(service_urls.router, prefix=PREFIX)
    app.include_router(snapshots.router, prefix=PREFIX)
    app.include_router(status.router)
    app.include_router(admin_router)
    mount_docs(app)
    failures.install(app)
    app.add_middleware(Envelope, body_limit=settings.body_limit)
    return app


@asynccontextmanager
async def running(core: Core) -> AsyncIterator[None]:
    """Everything that runs beside the requests, from the first migration to the last write."""
    await migrate(core.database)
    await core.runtime.attempt()
    loops = [
        asyncio.create_task(core.runtime.keep_up(), name="runtime"),
        asyncio.create_task(keep_reconciled(core), name="reconcile"),
        asyncio.create_task(keep_reaping(core), name="reaper"),
        asyncio.create_task(keep_sampling(core), name="sampler"),
        asyncio.create_task(keep_reading(core), name="readings"),
        asyncio.create_task(keep_forgetting(core), name="history"),
        asyncio.create_task(keep_listening(core), name="events"),
        asyncio.create_task(core.pools.keep(core), name="pools"),
        asyncio.create_task(core.key_watch.keep(), name="keys"),
        asyncio.create_task(core.pools.keep_healthy(core), name="pools' health"),
        asyncio.create_task(core.claims.keep_writing(), name="claims"),
        asyncio.create_task(core.commands.keep_writing(), name="commands"),
        asyncio.create_task(core.accesses.keep_writing(), name="accesses"),
        asyncio.create_task(core.starter.keep_leases(), name="leases"),
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await core.workspaces.close()
        await core.starter.close()
        await core.volumes.close()
        await core.activity.write_down(everything=True)
        await core.claims.write_down()
        await core.accesses.write_down()
        await core.keys.record_use(everything=True)
        await core.runtime.close()
        await core.database.close()
