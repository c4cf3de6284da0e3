"""``/boxes/{name}/service-url``: addresses of what a program in a sandbox serves."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import Runner, answer, errors, get_core
from sandboxcore.server.api.schemas import ServiceUrlIn, ServiceUrlOut
from sandboxcore.server.clock import iso
from sandboxcore.server.gateway.addresses import label_of
from sandboxcore.server.gateway.entrance import PARAMETER
from sandboxcore.server.services.service_tokens import create_service_token

router = APIRouter(prefix="/boxes", tags=["sandboxes"])


@router.post("/{name}/service-url", response_model=ServiceUrlOut, responses=errors(400, 404, 422, 429))
async def create_service_url(request: Request, actor: Runner, name: str, body: ServiceUrlIn) -> Response:
    """Addresses of a port inside a sandbox, and a token for it that expires.

    The token ends with the sandbox and with the API key that made it, too.
    """
    core = get_core(request)
    made = await create_service_token(
        core.database, actor=actor, sandbox_name=name, port=body.port, seconds=body.expires_in_seconds
    )
    core.accesses.note_of(made.sandbox_id, actor.workspace_id, actor.actor, "service.shared", ports=body.port)
    label = label_of(made.sandbox_id, body.port)
    api_host = request.headers.get("host") or request.url.netloc
    return answer(
        {
            "browser_url": f"{core.addresses.for_browsers(label)}/?{PARAMETER.decode()}={quote(made.text)}",
            "service_url": core.addresses.for_programs(label, api_host) + "/",
            "token": made.text,
            "expires_at": iso(made.expires_at),
        }
    )
