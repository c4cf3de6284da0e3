"""``/volumes``: storage that outlives sandboxes."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import Manager, Reader, answer, errors, get_core, no_content
from sandboxcore.server.api.listing import asked_page, described
from sandboxcore.server.api.schemas import VolumeIn, VolumeOut, VolumePatch, VolumesOut
from sandboxcore.server.errors import ApiError
from sandboxcore.server.services import volumes
from sandboxcore.server.services.limits import check_size
from sandboxcore.server.services.listing import page
from sandboxcore.server.services.lists import VOLUMES
from sandboxcore.server.services.views import volume_view

router = APIRouter(prefix="/volumes", tags=["volumes"])


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


@router.get("", response_model=VolumesOut, responses=errors(422), openapi_extra=described(VOLUMES))
async def list_volumes(request: Request, caller: Reader) -> Response:
    """Every volume of the workspace, oldest first; with any parameter a page of them."""
    database = get_core(request).database
    asked = asked_page(request, VOLUMES)
    if asked is None:
        found, place = await volumes.list_volumes(database, caller=caller), {}
    else:
        part = await page(database, VOLUMES, asked, owner=caller.workspace_id)
        found, place = part.rows, part.place()
    return answer({"volumes": [volume_view(volume) for volume in found], **place})


@router.get("/{name}", response_model=VolumeOut, responses=errors(404))
async def get_volume(request: Request, caller: Reader, name: str) -> Response:
    """A volume by name or identifier."""
    return answer(volume_view(await volumes.get_volume(get_core(request).database, caller=caller, name=name)))


@router.patch("/{name}", response_model=VolumeOut, responses=errors(400, 404, 409, 422, 429, 503))
async def update_volume(request: Request, actor: Manager, name: str, body: VolumePatch) -> Response:
    """Rename a volume, or let it grow while no sandbox uses it; it never shrinks."""
    core = get_core(request)
    volume = await volumes.get_volume(core.database, caller=actor, name=name)
    if body.size is not None:
        size = check_size(body.size, core.settings.max_volume_size, "body", "size")
        growing = await volumes.want_size(core.database, actor=actor, name=name, new_name=body.name, size=size)
        if growing is not None:
            work = core.volumes.grow(growing)
            await asyncio.wait({work})
            # Cancelled where the volume is deleted meanwhile: then it is not found below.
            failure = None if work.cancelled() else work.result()
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
