"""What every admin route uses: who calls, which workspace, when a key is to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Path, Query, Request, Security
from fastapi.security import APIKeyHeader

from sandboxcore.server.api.common import ACTOR_HEADER, answer, get_core
from sandboxcore.server.auth import Admin
from sandboxcore.server.clock import now
from sandboxcore.server.errors import InvalidError
from sandboxcore.server.services import workspaces

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.responses import Response

    from sandboxcore.server.db.models import Workspace


class _AdminKey(APIKeyHeader):
    """The operator who makes a request; to the API's description an admin key in a header."""

    def __init__(self) -> None:
        description = "An admin key, like `sbxa_…`; keys of workspaces are refused."
        super().__init__(name="X-Api-Key", scheme_name="AdminKey", description=description, auto_error=False)

    async def __call__(self, request: Request) -> Admin:  # type: ignore[override]  # more than the key's text
        """Raises ``ApiError`` 401."""
        admin = await get_core(request).keys.identify_admin(request.headers.get("x-api-key"))
        request.scope["sandboxd.caller"] = admin
        return admin.acting_for(request.headers.get(ACTOR_HEADER))


Operator = Annotated[Admin, Security(_AdminKey())]
WorkspaceName = Annotated[str, Path(max_length=100, description="Its name or identifier.")]
KeyId = Annotated[str, Path(max_length=100, description="Its public part (the middle of its text) or identifier.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most entries of the answer.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Entries to leave out at the beginning.")]


async def find_workspace(request: Request, name: str, *, deleting: bool = False) -> Workspace:
    """The workspace that a path names, with ``deleting`` also one on its way out. Raises ``NotFoundError``."""
    return await workspaces.get_workspace(get_core(request).database, name=name, deleting=deleting)


def end_of(expires_at: datetime | None, expires_in_seconds: int | None) -> float | None:
    """The moment at which a key is to end, None for never. Raises ``InvalidError`` where both are given."""
    if expires_at is not None and expires_in_seconds is not None:
        raise InvalidError(("body", "expires_in_seconds"), "give either expires_at or expires_in_seconds")
    if expires_in_seconds is not None:
        return now() + expires_in_seconds
    return None if expires_at is None else expires_at.timestamp()


def secret_answer(body: object, status: int = 201) -> Response:
    """A JSON answer that holds a key's text: no cache on the way may keep it."""
    response = answer(body, status)
    response.headers["Cache-Control"] = "no-store"
    return response
