"""``/v2/admin``: workspaces, keys and limits, for operators with an admin key. One file a resource."""

from __future__ import annotations

from fastapi import APIRouter

from sandboxcore.server.api.admin import admin_keys, keys, limits, overview, reconciliation, usage, workspaces

ADMIN_PREFIX = "/v2/admin"
router = APIRouter(prefix=ADMIN_PREFIX)
for resource in (workspaces, keys, limits, usage, admin_keys, overview, reconciliation):
    router.include_router(resource.router)

__all__ = ["ADMIN_PREFIX", "router"]
