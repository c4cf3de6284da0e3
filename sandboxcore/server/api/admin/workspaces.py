"""``/v2/admin/workspaces``."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.admin.common import Limit, Offset, Operator, WorkspaceName, find_workspace
from sandboxcore.server.api.admin.schemas import WorkspaceIn, WorkspaceOut, WorkspacePatch, WorkspacesOut
from sandboxcore.server.api.common import answer, errors, get_core, no_content
from sandboxcore.server.errors import NotFoundError
from sandboxcore.server.services import quota, workspace_ending, workspaces
from sandboxcore.server.services.admin_views import workspace_view

if TYPE_CHECKING:
    from sandboxcore.server.auth import Admin
    from sandboxcore.server.core import Core
    from sandboxcore.server.db.models import Workspace

log = logging.getLogger("sandboxd.workspaces")
router = APIRouter(prefix="/workspaces", tags=["admin: workspaces"])
DELETE_WAIT = 1.0
"""Seconds that a deletion is waited for before the answer says that it goes on."""


@router.post("", status_code=201, response_model=WorkspaceOut, responses=errors(409, 422))
async def create_workspace(request: Request, actor: Operator, body: WorkspaceIn) -> Response:
    """Make a workspace, empty and without keys."""
    core = get_core(request)
    workspace = await workspaces.create_workspace(core.database, actor=actor.actor, name=body.name)
    changes = body.limits.changes() if body.limits else {}
    if changes:
        try:
            workspace = await _set_limits(core, actor, workspace, changes)
        except BaseException:
            # A call that fails leaves nothing behind.
            await workspace_ending.mark(core.database, actor=actor.actor, workspace_id=workspace.id, force=True)
            await core.workspaces.begin(workspace.id)
            raise
    return answer(workspace_view(workspace), 201)


async def _set_limits(core: Core, actor: Admin, workspace: Workspace, changes: dict[str, int | None]) -> Workspace:
    await quota.set_limits(core.database, actor=actor.actor, workspace_id=workspace.id, changes=changes)
    return await workspaces.get_workspace(core.database, name=workspace.id)


@router.get("", response_model=WorkspacesOut, responses=errors(422))
async def list_workspaces(
    request: Request,
    actor: Operator,
    q: Annotated[str | None, Query(max_length=100, description="A part of the name.")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """A page of workspaces, by name."""
    del actor  # any admin key may ask
    found, total = await workspaces.list_workspaces(get_core(request).database, q=q, limit=limit, offset=offset)
    return answer({"workspaces": [workspace_view(workspace) for workspace in found], "total": total})


@router.get("/{workspace}", response_model=WorkspaceOut, responses=errors(404))
async def get_workspace(request: Request, actor: Operator, workspace: WorkspaceName) -> Response:
    """A workspace by name or identifier; by identifier also one on its way out, as long as there is any of it."""
    del actor  # any admin key may ask
    found = await find_workspace(request, workspace, deleting=True)
    return answer(workspace_view(found))


@router.patch("/{workspace}", response_model=WorkspaceOut, responses=errors(404, 409, 422))
async def update_workspace(
    request: Request, actor: Operator, workspace: WorkspaceName, body: WorkspacePatch
) -> Response:
    """Rename a workspace, or change its limits and lifetimes. Less than what it holds ends nothing."""
    core = get_core(request)
    found = await find_workspace(request, workspace)
    if body.name is not None:
        # Before anything is changed: a call that fails changes nothing.
        await workspaces.check_free(core.database, workspace_id=found.id, new_name=body.name)
    changes = body.limits.changes() if body.limits else {}
    if changes:
        found = await _set_limits(core, actor, found, changes)
    if body.name is not None:
        found = await workspaces.rename_workspace(
            core.database, actor=actor.actor, workspace_id=found.id, new_name=body.name
        )
    return answer(workspace_view(found))


@router.delete(
    "/{workspace}",
    status_code=204,
    response_class=Response,
    responses={202: {"model": WorkspaceOut, "description": "It is on its way out"}, **errors(404, 409)},
)
async def delete_workspace(
    request: Request,
    actor: Operator,
    workspace: WorkspaceName,
    force: Annotated[bool, Query(description="End everything in it, for good.")] = False,
) -> Response:
    """Remove a workspace that has no sandboxes, volumes and pools, or with `force` also those.

    Its keys are refused and its name is free from this moment on. What it holds ends in the background: 204 says that
    it is gone, 202 that it goes on, also if the server ends meanwhile.
    """
    core = get_core(request)
    found = await find_workspace(request, workspace, deleting=True)
    ended = await workspace_ending.mark(core.database, actor=actor.actor, workspace_id=found.id, force=force)
    log.info("workspace %s ('%s') is deleted by %s", found.id, found.name, actor.actor)
    core.key_watch.ended(ended.keys)
    await asyncio.wait({core.workspaces.begin(found.id)}, timeout=DELETE_WAIT)
    try:
        left = await find_workspace(request, found.id, deleting=True)
    except NotFoundError:
        return no_content()
    return answer(workspace_view(left), 202)
