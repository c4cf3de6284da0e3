"""One server, two listeners: the API answers on its own port alone, and services on theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Dispatch:
    """Gives what came in by ``gateway_port`` to the gateway, and all else, the server's start and end too, to the API.

    The port is that of the socket that took the connection, which no header changes.
    """

    def __init__(self, api: ASGIApp, gateway: ASGIApp, gateway_port: int) -> None:
        self._api = api
        self._gateway = gateway
        self._gateway_port = gateway_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        arrived = scope.get("server")
        app = self._gateway if arrived is not None and arrived[1] == self._gateway_port else self._api
        await app(scope, receive, send)
