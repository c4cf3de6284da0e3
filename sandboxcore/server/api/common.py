"""What every route uses: the core, the caller, JSON answers, documented errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import Request, Security
from fastapi.security import APIKeyHeader
from starlette.responses import Response

from sandboxcore.server.api.schemas import ErrorBody
from sandboxcore.server.auth import Caller, Scope

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from sandboxcore.server.core import Core

PREFIX = "/v2/sandboxes"
ACTOR_HEADER = "x-sandbox-actor"
_WORDS = {
    400: "The request cannot be carried out",
    401: "No API key, or not one of this server's",
    403: "The API key lacks the scope, or the sandbox's user the permission",
    404: "There is no such thing in this workspace",
    408: "Not ready in time; nothing is left behind",
    409: "The name is taken, or the thing is in use",
    413: "The file is larger than the server takes",
    422: "A value is wrong, or the start failed",
    429: "A limit is reached",
    502: "The sandbox cannot be reached",
    503: "Nothing can be started now; the message says what mends it",
    504: "Not ready in time",
}


def get_core(connection: HTTPConnection) -> Core:
    """The server's parts."""
    core: Core = connection.app.state.core
    return core


async def identify(connection: HTTPConnection, scope: Scope | None) -> Caller:
    """Who sent this request. Raises ``ApiError`` 401 or 403."""
    headers = connection.headers
    caller = await get_core(connection).keys.identify(headers.get("x-api-key"))
    connection.scope["sandboxd.caller"] = caller
    if scope is not None:
        caller.require(scope)
    return caller.acting_for(headers.get(ACTOR_HEADER)) if caller.acts_for_people else caller


class _KeyWith(APIKeyHeader):
    """The caller of a request, who must have a scope; to the API's description a key in a header."""

    def __init__(self, scope: Scope) -> None:
        description = "An API key of the workspace, like `sbx_…`."
        super().__init__(name="X-Api-Key", scheme_name="ApiKey", description=description, auto_error=False)
        self._scope = scope

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]  # more than the key's text
        """Raises ``ApiError`` 401 or 403."""
        return await identify(request, self._scope)


Reader = Annotated[Caller, Security(_KeyWith("read"))]
Runner = Annotated[Caller, Security(_KeyWith("run"))]
Manager = Annotated[Caller, Security(_KeyWith("manage"))]


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def no_content() -> Response:
    """The answer to a deletion."""
    return Response(status_code=204)


def base_url(request: Request) -> str:
    """The address of the API as the client sees it, without a slash at its end."""
    public = get_core(request).settings.public_url
    if public:
        return public + PREFIX
    return f"{request.scope['scheme']}://{request.headers.get('host') or request.url.netloc}{PREFIX}"


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the OpenAPI document; 401 and 403 can always happen."""
    return {status: {"model": ErrorBody, "description": _WORDS[status]} for status in sorted({401, 403, *statuses})}
