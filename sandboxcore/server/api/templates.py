"""``/templates``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import Manager, Reader, answer, errors, get_core, no_content
from sandboxcore.server.api.listing import INCLUDE_USAGE, asked_page, described, wants_usage
from sandboxcore.server.api.schemas import RenameIn, TemplateIn, TemplateOut
from sandboxcore.server.api.use_schemas import TemplatesWithUseOut, TemplateWithUsersOut
from sandboxcore.server.services import templates, uses
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


@router.get("", response_model=TemplatesWithUseOut, responses=errors(422), openapi_extra=described(TEMPLATES))
async def list_templates(request: Request, caller: Reader) -> Response:
    """Every template of the workspace, oldest first; with any parameter a page of them."""
    database = get_core(request).database
    asked = asked_page(request, TEMPLATES)
    if asked is None:
        found = await templates.list_templates(database, caller=caller)
        return answer({"templates": [template_view(template) for template in found]})
    with_usage = wants_usage(request)
    part = await page(database, TEMPLATES, asked, owner=caller.workspace_id)
    views = [template_view(template) for template in part.rows]
    if with_usage:
        used = await uses.of_templates(database, [view["id"] for view in views])
        for view in views:
            view["used_by"] = used[view["id"]].view()
    return answer({"templates": views, **part.place()})


@router.get("/{name}", response_model=TemplateWithUsersOut, responses=errors(404, 422), openapi_extra=INCLUDE_USAGE)
async def get_template(request: Request, caller: Reader, name: str) -> Response:
    """A template by name or identifier; with `include=usage` also who uses it."""
    with_usage = wants_usage(request)
    database = get_core(request).database
    template = await templates.get_template(database, caller=caller, name=name)
    view = template_view(template)
    if with_usage:
        used = await uses.of_templates(database, [template.id])
        view["used_by"] = used[template.id].view() | await uses.names_of_template(database, template.id)
    return answer(view)


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
