"""``/boxes``: sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from sandboxcore.server.api.common import Reader, Runner, answer, base_url, errors, get_core, no_content
from sandboxcore.server.api.creating import create_and_wait
from sandboxcore.server.api.listing import INCLUDE_USAGE, asked_page, described, wants_usage
from sandboxcore.server.api.schemas import BoxesOut, BoxIn, BoxOut, BoxPatch, StatusOut
from sandboxcore.server.api.snapshots import refuse_foreign
from sandboxcore.server.services import metrics, sandboxes
from sandboxcore.server.services.lifetimes import lifetime_rules
from sandboxcore.server.services.limits import check_name
from sandboxcore.server.services.listing import page
from sandboxcore.server.services.lists import SANDBOXES
from sandboxcore.server.services.views import sandbox_view, status_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from sandboxcore.server.core import Core
    from sandboxcore.server.db.models import Sandbox

router = APIRouter(prefix="/boxes", tags=["sandboxes"])


def _show(core: Core, request: Request, sandbox: Sandbox | Row[Any], status: int = 200) -> Response:
    return answer(sandbox_view(sandbox, base_url=base_url(request), activity=core.activity), status)


@router.post("", status_code=201, response_model=BoxOut, responses=errors(404, 408, 409, 422, 429, 503))
async def create_box(
    request: Request,
    actor: Runner,
    body: BoxIn,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Make a sandbox from a template.

    With `wait_for_ready` the answer comes when commands can run in it; any other answer than 201 then leaves nothing
    behind. Without, it comes at once with the status `provisioning`. The same `Idempotency-Key` again never makes a
    second one.
    """
    core = get_core(request)
    refuse_foreign(body.model_extra)
    sandbox = await create_and_wait(core, actor, body, idempotency_key or None, request.receive)
    return _show(core, request, sandbox, 201)


@router.get("", response_model=BoxesOut, responses=errors(422), openapi_extra=described(SANDBOXES))
async def list_boxes(request: Request, caller: Reader) -> Response:
    """Every sandbox of the workspace, oldest first; with any parameter a page of them."""
    core = get_core(request)
    base = base_url(request)
    asked = asked_page(request, SANDBOXES)
    if asked is None:
        found, place = await sandboxes.list_sandboxes(core.database, caller=caller), {}
    else:
        part = await page(core.database, SANDBOXES, asked, owner=caller.workspace_id)
        found, place = part.rows, part.place()
    views = [sandbox_view(sandbox, base_url=base, activity=core.activity) for sandbox in found]
    if wants_usage(request):
        await _add_usage(core, found, views)
    return answer({"sandboxes": views, **place})


@router.get("/{name}", response_model=BoxOut, responses=errors(404, 422), openapi_extra=INCLUDE_USAGE)
async def get_box(request: Request, caller: Reader, name: str) -> Response:
    """A sandbox by name or identifier."""
    core = get_core(request)
    with_usage = wants_usage(request)
    sandbox = await sandboxes.get_sandbox(core.database, caller=caller, name=name)
    if not with_usage:
        return _show(core, request, sandbox)
    view = sandbox_view(sandbox, base_url=base_url(request), activity=core.activity)
    await _add_usage(core, [sandbox], [view])
    return answer(view)


async def _add_usage(core: Core, found: Sequence[Row[Any]], views: list[dict[str, Any]]) -> None:
    """Tell in each view what the sandbox holds and, where it was measured just now, what it uses."""
    interval = core.settings.readings_interval
    ids = [sandbox.id for sandbox in found if sandbox.state == "ready"]
    usages = await metrics.latest(core.database, ids, interval=interval)
    for sandbox, view in zip(found, views, strict=True):
        view["resources"] = {field: getattr(sandbox, field) for field in metrics.HELD}
        view["usage"] = usages.get(sandbox.id)


@router.get("/{name}/status", response_model=StatusOut, responses=errors(404))
async def get_status(request: Request, caller: Reader, name: str) -> Response:
    """How far a sandbox is: `provisioning`, `ready` or `failed`."""
    sandbox = await sandboxes.get_sandbox(get_core(request).database, caller=caller, name=name)
    return answer({"status": sandbox.state, "status_message": status_message(sandbox)})


@router.patch("/{name}", response_model=BoxOut, responses=errors(404, 409, 422))
async def update_box(request: Request, actor: Runner, name: str, body: BoxPatch) -> Response:
    """Rename a sandbox or change its lifetimes."""
    core = get_core(request)
    rules = await lifetime_rules(core.database, core.settings, actor.workspace_id)
    ttl, idle_ttl = body.ttl_seconds, body.idle_ttl_seconds
    sandbox = await sandboxes.update_sandbox(
        core.database,
        actor=actor,
        name=name,
        new_name=None if body.name is None else check_name(body.name),
        ttl_seconds=None if ttl is None else rules.check_ttl(ttl),
        idle_ttl_seconds=None if idle_ttl is None else rules.check_idle_ttl(idle_ttl),
        activity=core.activity.last,
    )
    return _show(core, request, sandbox)


@router.delete("/{name}", status_code=204, response_class=Response, responses=errors(404))
async def delete_box(request: Request, actor: Runner, name: str) -> Response:
    """End a sandbox and everything in it, whatever state it is in."""
    core = get_core(request)
    await core.starter.end(await sandboxes.want_gone(core.database, actor=actor, name=name))
    return no_content()
