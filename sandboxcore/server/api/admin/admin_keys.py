"""``/v2/admin/admin-keys``: the keys of this API itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.admin.common import KeyId, Operator, end_of, secret_answer
from sandboxcore.server.api.admin.schemas import AdminKeyIn, AdminKeyMadeOut, AdminKeysOut
from sandboxcore.server.api.common import answer, errors, get_core, no_content
from sandboxcore.server.services import admin_keys
from sandboxcore.server.services.admin_views import admin_key_view

router = APIRouter(prefix="/admin-keys", tags=["admin: admin keys"])


@router.post("", status_code=201, response_model=AdminKeyMadeOut, responses=errors(422))
async def create_admin_key(request: Request, actor: Operator, body: AdminKeyIn) -> Response:
    """Make an admin key, which may do all that this one may. The answer holds its text, which is nowhere else."""
    made = await admin_keys.create_admin_key(
        get_core(request).database,
        actor=actor.actor,
        name=body.name,
        expires_at=end_of(body.expires_at, body.expires_in_seconds),
    )
    return secret_answer({**admin_key_view(made.key), "admin_key": made.new.text})


@router.get("", response_model=AdminKeysOut, responses=errors())
async def list_admin_keys(request: Request, actor: Operator) -> Response:
    """Every admin key, oldest first, also those that have ended."""
    del actor  # any admin key may ask
    found = await admin_keys.list_admin_keys(get_core(request).database)
    return answer({"admin_keys": [admin_key_view(key) for key in found]})


@router.delete("/{key}", status_code=204, response_class=Response, responses=errors(404, 409))
async def revoke_admin_key(request: Request, actor: Operator, key: KeyId) -> Response:
    """End an admin key for good; the last living one is refused."""
    core = get_core(request)
    ended, _ = await admin_keys.revoke_admin_key(core.database, actor=actor.actor, key_id=key)
    core.key_watch.ended([ended.id])
    return no_content()
