"""What the last releases of the client can ask for and this server does not have: snapshots, stopping and starting.

Without an answer of their own these calls would be 404, which the client tells as a sandbox that does not exist; and
what it sends of them with a new sandbox would be ignored, which for a closed network is worse than a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from sandboxcore.server.api.common import Reader  # noqa: TC001  # FastAPI reads it
from sandboxcore.server.errors import ApiError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(include_in_schema=False)

_REFUSED = {
    "vcpus": "the template says it (resources.cpu)",
    "mem_bytes": "the template says it (resources.memory)",
    "fs_capacity_bytes": "the template says it (resources.storage)",
    "proxy_config": "this server has no such thing, and a sandbox without it would be more open than you asked for",
}


def refuse_foreign(more: Mapping[str, object] | None) -> None:
    """Raises ``InvalidError`` for fields of a new sandbox that must not be ignored."""
    for field, why in _REFUSED.items():
        if more and more.get(field) is not None:
            raise InvalidError(("body", field), f"{field} cannot be given with a new sandbox: {why}")


@router.api_route("/snapshots", methods=["GET", "POST"])
@router.api_route("/snapshots/{snapshot_id}", methods=["GET", "DELETE"])
@router.post("/boxes/{name}/snapshot")
async def no_snapshots(_caller: Reader) -> Response:
    """Raises ``ApiError`` 501."""
    raise ApiError(501, "NotSupported", "this server makes sandboxes from templates; it has no snapshots")


@router.post("/boxes/{name}/stop")
@router.post("/boxes/{name}/start")
async def no_stopping(_caller: Reader) -> Response:
    """Raises ``ApiError`` 501."""
    message = "sandboxes of this server do not stop to be started again: delete it, and keep files in a volume"
    raise ApiError(501, "NotSupported", message)
