"""``/volumes``: storage that outlives sandboxes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import Manager, Reader, answer, errors, get_core, no_content
from sandboxcore.server.api.listing import INCLUDE_USAGE, asked_page, described, wants_usage
from sandboxcore.server.api.schemas import VolumeIn, VolumeOut, VolumePatch
from sandboxcore.server.api.use_schemas import VolumesWithUseOut, VolumeWithUsersOut
from sandboxcore.server.errors import ApiError
from sandboxcore.server.services import uses, volumes
from sandboxcore.server.services.limits import check_size
from sandboxcore.server.services.listing import page
from sandboxcore.server.services.lists import VOLUMES
from sandboxcore.server.services.views import volume_view

if TYPE_CHECKING:
    from sandboxcore.server.core import Core

router = APIRouter(prefix="/volumes", tags=["volumes"])
SOON_SECONDS = 1.0
"""What is refused is refused within that, so that also who does not wait is told."""
MEASURE_SECONDS = 2.0
"""After so long a volume is shown without how full it is."""


@router.post("", status_code=201, response_model=VolumeOut, responses=errors(409, 422, 429, 503, 504))
async def create_volume(request: Request, actor: Manager, body: VolumeIn) -> Response:
    """Make a volume; a template's `volume_mounts` then name it.

    With `wait_for_ready` the answer comes when it can be used: after 503 nothing is left behind, after 504 it stays and
    goes on being made.
    """
    core = get_core(request)
    volume = await volumes.create_volume(
        core.database,
        actor=actor,
        name=body.name,
        size=check_size(body.size, core.settings.max_volume_size, "body", "size"),
        storage_class=core.volumes.storage_class(),
    )
    work = core.volumes.make(volume)
    if body.wait_for_ready:
        await asyncio.wait({work}, timeout=body.timeout)
        if not work.done():
            message = f"volume '{body.name}' was not ready within {body.timeout:g} seconds; it goes on being made"
            raise ApiError(504, "Timeout", message)
        failure = None if work.cancelled() else work.result()
        if failure is not None:
            await volumes.want_gone_by_system(core.database, actor=actor.actor, volume_id=volume.id)
            await core.volumes.remove(volume.id)
            raise failure.as_error()
    return answer(volume_view(await volumes.get_volume(core.database, caller=actor, name=volume.id)), 201)


@router.get("", response_model=VolumesWithUseOut, responses=errors(422), openapi_extra=described(VOLUMES))
async def list_volumes(request: Request, caller: Reader) -> Response:
    """Every volume of the workspace, oldest first; with any parameter a page of them."""
    core = get_core(request)
    asked = asked_page(request, VOLUMES)
    if asked is None:
        found = await volumes.list_volumes(core.database, caller=caller)
        return answer({"volumes": [volume_view(volume) for volume in found]})
    with_usage = wants_usage(request)
    part = await page(core.database, VOLUMES, asked, owner=caller.workspace_id)
    views = [volume_view(volume) for volume in part.rows]
    if with_usage:
        await _add_usage(core, views)
    return answer({"volumes": views, **part.place()})


@router.get("/{name}", response_model=VolumeWithUsersOut, responses=errors(404, 422), openapi_extra=INCLUDE_USAGE)
async def get_volume(request: Request, caller: Reader, name: str) -> Response:
    """A volume by name or identifier; with `include=usage` also how full it is and who uses it."""
    with_usage = wants_usage(request)
    core = get_core(request)
    view = volume_view(await volumes.get_volume(core.database, caller=caller, name=name))
    if with_usage:
        await _add_usage(core, [view])
        view["used_by"]["sandbox_names"] = await uses.sandboxes_of_volume(core.database, view["id"])
    return answer(view)


async def _add_usage(core: Core, views: list[dict[str, Any]]) -> None:
    """How full volumes are, where the runtime can tell in time, and who uses them, into their views."""
    used = await uses.of_volumes(core.database, [view["id"] for view in views])
    ready = [view["id"] for view in views if view["status"] == "ready"]
    full = await core.runtime.volume_usage(ready, within=MEASURE_SECONDS)
    for view in views:
        measured = full.get(view["id"])
        view["used_bytes"] = measured.used_bytes if measured else None
        view["usable_bytes"] = measured.usable_bytes if measured else None
        view["used_by"] = used[view["id"]].view()


@router.patch("/{name}", response_model=VolumeOut, responses=errors(400, 404, 409, 422, 429, 503))
async def update_volume(request: Request, actor: Manager, name: str, body: VolumePatch) -> Response:
    """Rename a volume, or let it grow while no sandbox uses it; it never shrinks.

    Without `wait_for_ready` the answer comes within a second, with what has failed by then; later failures are events.
    """
    core = get_core(request)
    volume = await volumes.get_volume(core.database, caller=actor, name=name)
    if body.size is not None:
        size = check_size(body.size, core.settings.max_volume_size, "body", "size")
        growing = await volumes.want_size(core.database, actor=actor, name=name, new_name=body.name, size=size)
        if growing is not None:
            work = core.volumes.grow(growing)
            await asyncio.wait({work}, timeout=None if body.wait_for_ready else SOON_SECONDS)
            # Cancelled where the volume is deleted meanwhile: then it is not found below.
            failure = work.result() if work.done() and not work.cancelled() else None
            if failure is not None:
                raise failure.as_error()
    if body.name is not None:
        await volumes.rename_volume(core.database, actor=actor, name=volume.id, new_name=body.name)
    return answer(volume_view(await volumes.get_volume(core.database, caller=actor, name=volume.id)))


@router.delete("/{name}", status_code=204, response_class=Response, responses=errors(404, 409))
async def delete_volume(request: Request, actor: Manager, name: str) -> Response:
    """Remove a volume that no template mounts, with all that it holds."""
    core = get_core(request)
    await core.volumes.remove(await volumes.want_gone(core.database, actor=actor, name=name))
    return no_content()
