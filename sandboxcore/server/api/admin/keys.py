"""``/v2/admin/workspaces/{workspace}/keys``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sandboxcore.server.api.admin.common import (
    KeyId,
    Limit,
    Offset,
    Operator,
    WorkspaceName,
    end_of,
    find_workspace,
    secret_answer,
)
from sandboxcore.server.api.admin.schemas import (
    KeyIn,
    KeyMadeOut,
    KeyOut,
    KeyPatch,
    KeyRotatedOut,
    KeyRotateIn,
    KeysOut,
)
from sandboxcore.server.api.common import answer, errors, get_core, no_content
from sandboxcore.server.services import keys
from sandboxcore.server.services.admin_views import key_view
from sandboxcore.server.services.keys import WantedKey

router = APIRouter(prefix="/workspaces/{workspace}/keys", tags=["admin: keys"])


@router.post("", status_code=201, response_model=KeyMadeOut, responses=errors(404, 409, 422))
async def create_key(request: Request, actor: Operator, workspace: WorkspaceName, body: KeyIn) -> Response:
    """Make a key. The answer holds its text, which is nowhere else."""
    made = await keys.make_key(
        get_core(request).database,
        actor=actor.actor,
        workspace_id=(await find_workspace(request, workspace)).id,
        wanted=WantedKey(
            body.name, body.scopes, body.acts_for_people, end_of(body.expires_at, body.expires_in_seconds)
        ),
    )
    return secret_answer({**key_view(made.key), "api_key": made.new.text})


@router.get("", response_model=KeysOut, responses=errors(404, 422))
async def list_keys(  # noqa: PLR0917  # FastAPI gives them by name
    request: Request,
    actor: Operator,
    workspace: WorkspaceName,
    living: Annotated[bool, Query(description="Leave out those that have ended.")] = False,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Keys of a workspace, oldest first, also those that have ended."""
    del actor  # any admin key may ask
    workspace_id = (await find_workspace(request, workspace)).id
    found = await keys.list_keys(
        get_core(request).database, workspace_id=workspace_id, living=living, limit=limit, offset=offset
    )
    return answer({"keys": [key_view(key) for key in found]})


@router.get("/{key}", response_model=KeyOut, responses=errors(404))
async def get_key(request: Request, actor: Operator, workspace: WorkspaceName, key: KeyId) -> Response:
    """A key."""
    del actor  # any admin key may ask
    workspace_id = (await find_workspace(request, workspace)).id
    return answer(key_view(await keys.get_key(get_core(request).database, workspace_id=workspace_id, key_id=key)))


@router.patch("/{key}", response_model=KeyOut, responses=errors(404, 409, 422))
async def update_key(
    request: Request, actor: Operator, workspace: WorkspaceName, key: KeyId, body: KeyPatch
) -> Response:
    """Change a living key's name or when it expires."""
    core = get_core(request)
    changed = await keys.update_key(
        core.database,
        actor=actor.actor,
        workspace_id=(await find_workspace(request, workspace)).id,
        key_id=key,
        name=body.name,
        expires_at=end_of(body.expires_at, None),
        never_expires="expires_at" in body.model_fields_set and body.expires_at is None,
    )
    core.key_watch.changed([changed.id])
    return answer(key_view(changed))


@router.delete("/{key}", status_code=204, response_class=Response, responses=errors(404))
async def revoke_key(request: Request, actor: Operator, workspace: WorkspaceName, key: KeyId) -> Response:
    """End a key for good, with its open streams; commands that it started go on. It stays in the list."""
    core = get_core(request)
    workspace_id = (await find_workspace(request, workspace)).id
    ended, _ = await keys.revoke_key(core.database, actor=actor.actor, workspace_id=workspace_id, key_id=key)
    core.key_watch.ended([ended.id])
    return no_content()


@router.post("/{key}/rotate", status_code=201, response_model=KeyRotatedOut, responses=errors(404, 409, 422))
async def rotate_key(
    request: Request, actor: Operator, workspace: WorkspaceName, key: KeyId, body: KeyRotateIn
) -> Response:
    """Put a new key in a living one's place, with its name, scopes and end.

    The old one ends at once, or after an overlap.
    """
    core = get_core(request)
    made, old = await keys.rotate_key(
        core.database,
        actor=actor.actor,
        workspace_id=(await find_workspace(request, workspace)).id,
        key_id=key,
        overlap_seconds=body.overlap_seconds,
    )
    if old.revoked_at is None:
        core.key_watch.changed([old.id])
    else:
        core.key_watch.ended([old.id])
    return secret_answer({**key_view(made.key), "api_key": made.new.text, "replaces": key_view(old)})
