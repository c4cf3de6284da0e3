"""Every failure as the wire protocol shapes it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from sandboxcore.server.api.common import answer
from sandboxcore.server.errors import ApiError, InvalidError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger("sandboxd.api")
_PREFIX_OF_PYDANTIC = "Value error, "


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` in the protocol's shape."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DataError, _data_error)
    app.add_exception_handler(Exception, _unknown_error)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  # by registration
    kind = "/".join(str(part) for part in error.loc) if isinstance(error, InvalidError) else error.kind
    request.scope["sandboxd.failure"] = f"{kind}: {error.message}"
    response = answer(error.body(), error.status)
    response.headers.update(error.headers or {})
    return response


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # by registration
    details = [_field_error(found) for found in error.errors()[:20]]
    request.scope["sandboxd.failure"] = "; ".join(f"{'/'.join(map(str, d['loc']))}: {d['msg']}" for d in details)[:500]
    return answer({"detail": details}, 422)


def _field_error(found: Any) -> dict[str, Any]:
    """One of pydantic's errors; clients tell bad values by the type ``value_error`` alone."""
    return {
        "type": "value_error",
        "loc": [part if isinstance(part, int) else str(part)[:100] for part in found["loc"][:10]],
        "msg": str(found["msg"]).removeprefix(_PREFIX_OF_PYDANTIC),
    }


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # by registration
    if isinstance(error.__cause__, ApiError):  # met while the body was read
        return await _api_error(request, error.__cause__)
    if isinstance(error.__cause__, UnicodeDecodeError):
        return await _api_error(request, InvalidError(("body",), "the body is not JSON in UTF-8"))
    phrase = HTTPStatus(error.status_code).phrase
    message = "there is no such address" if error.status_code == 404 else str(error.detail or phrase)
    request.scope["sandboxd.failure"] = message
    kind = "TooLarge" if error.status_code == 413 else phrase.replace(" ", "")
    response = answer({"detail": {"error": kind, "message": message}}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _data_error(request: Request, error: Exception) -> Response:
    """PostgreSQL takes no NUL in a text, not even to look for it; anything else that it refuses is our fault."""
    assert isinstance(error, DataError)  # noqa: S101  # by registration
    if "NUL" not in str(error.orig):
        return await _unknown_error(request, error)
    return await _api_error(request, InvalidError(("body",), "no text may have a NUL character in it"))


async def _unknown_error(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "the server failed in a way that it does not know; its log says more"
    return answer({"detail": {"error": "InternalError", "message": message}}, 500)
