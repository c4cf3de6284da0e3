"""The ASGI application of the second listener."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sandboxcore.server.dataplane.dial import dial
from sandboxcore.server.errors import ApiError
from sandboxcore.server.gateway import headers
from sandboxcore.server.gateway.entrance import Entry, admit
from sandboxcore.server.gateway.http import BrokenOffError, pass_request
from sandboxcore.server.gateway.passes import Passes
from sandboxcore.server.gateway.refusals import Refusal
from sandboxcore.server.gateway.websocket import pass_websocket
from sandboxcore.server.refusals import refusals

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from sandboxcore.server.core import Core
    from sandboxcore.server.gateway.addresses import Addresses
    from sandboxcore.server.gateway.connecting import Dial

log = logging.getLogger("sandboxd.gateway")
_ANYBODYS = {400, 401, 404, 405, 431}
"""What anybody gets without a token; those lines must not fill the disk."""


class Gateway:
    """Serves what programs in sandboxes serve."""

    def __init__(self, core: Core, dial: Dial = dial) -> None:
        self._core = core
        self._dial = dial
        self._passes = Passes(core.database)

    @property
    def addresses(self) -> Addresses:
        """Where services are found."""
        return self._core.addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        refusal: Refusal
        try:
            await self._serve(scope, receive, send)
        except Refusal as error:
            refusal = error
        except ApiError as error:
            refusal = Refusal(error.status, error.kind, error.message, headers=error.headers)
        except BrokenOffError as error:
            # The answer is left incomplete, and the server then cuts the connection.
            log.info("%s: %s", _host(scope), str(error)[:200])
            return
        else:
            return
        say = refusals.info if refusal.status in _ANYBODYS else log.info
        say("%d %s %s: %s", refusal.status, scope["type"], _host(scope), refusal.kind)
        await _refuse(scope, refusal, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ``Refusal``, ``ApiError`` or ``BrokenOffError``."""
        admitted = await admit(scope, self.addresses, self._passes)
        if isinstance(admitted, Entry):
            await _redirect(admitted, send)
        elif scope["type"] == "websocket":
            await pass_websocket(self._core, self._dial, admitted, receive, send)
        else:
            await pass_request(self._core, self._dial, admitted, receive, send)


def _host(scope: Any) -> str:
    """The Host header, fit for a line of the log."""
    return "".join(filter(str.isprintable, headers.value(scope["headers"], b"host")))[:100]


async def _redirect(entry: Entry, send: Send) -> None:
    """Give a browser its cookie and an address without the token."""
    answer = [
        (b"location", entry.location),
        (b"set-cookie", entry.cookie),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-robots-tag", b"noindex"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": answer})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Any, refusal: Refusal, send: Send) -> None:
    answer, body = refusal.answer(headers.value(scope["headers"], b"accept"))
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": answer})
    await send({"type": f"{kind}.body", "body": body})
