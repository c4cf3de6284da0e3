"""``/templates``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import Manager, Reader, answer, errors, get_core, no_content
from sandboxcore.server.api.listing import asked_page, described
from sandboxcore.server.api.schemas import RenameIn, TemplateIn, TemplateOut, TemplatesOut
from sandboxcore.server.services import templates
from sandboxcore.server.services.limits import check_resources
from sandboxcore.server.services.listing import page
from sandboxcore.server.services.lists import TEMPLATES
from sandboxcore.server.services.templates import WantedMount
from sandboxcore.server.services.views import template_view

router = APIRouter(prefix="/templates", tags=["templates"])


@router.post("", status_code=201, response_model=TemplateOut, responses=errors(409, 422))
async def create_template(request: Request, actor: Manager, body: TemplateIn) -> Response:
    """Make a template: an image and the limits of each sandbox made from it."""
    core = get_core(request)
    wanted = body.resources
    template = await templates.create_template(
        core.database,
        actor=actor,
        name=body.name,
        image=body.image,
        resources=check_resources(
            wanted.cpu if wanted else None,
            wanted.memory if wanted else None,
            wanted.storage if wanted else None,
            core.settings,
        ),
        mounts=[WantedMount(mount.volume_name, mount.mount_path) for mount in body.volume_mounts or []],
    )
    return answer(template_view(template), 201)


@router.get("", response_model=TemplatesOut, responses=errors(422), openapi_extra=described(TEMPLATES))
async def list_templates(request: Request, caller: Reader) -> Response:
    """Every template of the workspace, oldest first; with any parameter a page of them."""
    database = get_core(request).database
    asked = asked_page(request, TEMPLATES)
    if asked is None:
        found, place = await templates.list_templates(database, caller=caller), {}
    else:
        part = await page(database, TEMPLATES, asked, owner=caller.workspace_id)
        found, place = part.rows, part.place()
    return answer({"templates": [template_view(template) for template in found], **place})


@router.get("/{name}", response_model=TemplateOut, responses=errors(404))
async def get_template(request: Request, caller: Reader, name: str) -> Response:
    """A template by name or identifier."""
    return answer(template_view(await templates.get_template(get_core(request).database, caller=caller, name=name)))


@router.patch("/{name}", response_model=TemplateOut, responses=errors(404, 409, 422))
async def rename_template(request: Request, actor: Manager, name: str, body: RenameIn) -> Response:
    """Give a template another name; sandboxes made from it show the new one."""
    database = get_core(request).database
    return answer(template_view(await templates.rename_template(database, actor=actor, name=name, new_name=body.name)))


@router.delete("/{name}", status_code=204, response_class=Response, responses=errors(404, 409))
async def delete_template(request: Request, actor: Manager, name: str) -> Response:
    """Remove a template that no sandbox and no pool uses."""
    await templates.delete_template(get_core(request).database, actor=actor, name=name)
    return no_content()
