"""What wraps every HTTP request: a bound on its body, read for keys alone, and one line in the log where it failed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from sandboxcore.server.keytext import masked
from sandboxcore.server.refusals import refusals

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sandboxcore.server.auth import KeyRing

log = logging.getLogger("sandboxd.api")
_UNBOUNDED = "/dataplane/upload"
"""The one body that is streamed; it has a bound of its own."""
ADMIN_PREFIX = "/v2/admin/"
_NOWHERE = "/a-path-with-a-nul"
"""No route has it, so that it is answered like every address that there is not."""


class Envelope:
    """Bounds bodies and logs failures; never a key, a query or a body, for paths of files and commands are private."""

    def __init__(self, app: ASGIApp, *, body_limit: int) -> None:
        self._app = app
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if "\0" in scope.get("path", ""):
            # No name has one, and PostgreSQL does not even take it in a question.
            scope["path"] = _NOWHERE
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        bounded = receive if scope["path"].endswith(_UNBOUNDED) else self._bounded(scope, receive)
        try:
            await self._app(scope, bounded, watch)
        finally:
            if status >= 400 or not status:
                _log_failure(scope, status, time.perf_counter() - began)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        size = 0
        is_known = not _has_body(scope)

        async def bounded() -> Message:
            nonlocal size, is_known
            if not is_known:
                # The framework reads bodies first, and asks who sent them then.
                await _identify(scope)
                is_known = True
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._body_limit:
                raise HTTPException(413, f"the body is larger than {self._body_limit} bytes")
            return message

        return bounded


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


async def _identify(scope: Scope) -> None:
    """Raises ``ApiError`` 401."""
    keys: KeyRing = scope["app"].state.core.keys
    key = Headers(scope=scope).get("x-api-key")
    if scope["path"].startswith(ADMIN_PREFIX):
        await keys.identify_admin(key)
    else:
        await keys.identify(key)


def _log_failure(scope: Scope, status: int, seconds: float) -> None:
    caller = scope.get("sandboxd.caller")
    line = "%s %s %s by %s in %.0f ms: %s"
    arguments = (
        status or "broken off",
        scope["method"],
        masked(scope["path"]),
        f"key {caller.public_id}" if caller else "nobody",
        seconds * 1000,
        masked(scope.get("sandboxd.failure", "no reason recorded")),
    )
    if status == 401 or not (caller or status >= 500 or not status):
        refusals.info(line, *arguments)
    else:
        log.log(logging.ERROR if status >= 500 or not status else logging.INFO, line, *arguments)
