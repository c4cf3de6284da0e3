"""Running the application on uvicorn: its socket, its log, and an end that open streams do not hold up."""

from __future__ import annotations

import logging
import os
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from sandboxcore.errors import SandboxError
from sandboxcore.server.connections import BoundedHttp, PacedWebSocket
from sandboxcore.server.gateway.app import Gateway
from sandboxcore.server.gateway.dispatch import Dispatch
from sandboxcore.server.refusals import refusals

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from sandboxcore.server.config import Settings
    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.streams import Streams

log = logging.getLogger("sandboxd")
DRAIN_SECONDS = 2.0
PONG_SECONDS = 60.0
UNREAD_MILLISECONDS = 120_000
"""How long a client may leave what it was sent unread before its connection is dropped; it can come back by offset."""


class ListenError(SandboxError):
    """The address cannot be listened on; the message says what to do."""


class DrainingServer(uvicorn.Server):
    """Says 1001 to every open stream before it ends, so that clients come back instead of failing."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and say where."""
        await super().startup(sockets)
        places = [listener.getsockname()[:2] for listener in sockets or []]
        log.info("sandboxd is ready on %s", ", services of sandboxes on ".join(f"http://{h}:{p}" for h, p in places))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order and with exit code 0: being asked to end is no failure."""
        del frame
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, say goodbye, then end as uvicorn does."""
        for server in self.servers:
            server.close()
        await self._streams.drain(DRAIN_SECONDS)
        for connection in list(self.server_state.connections):
            if isinstance(connection, PacedWebSocket) and connection.transport.get_write_buffer_size():
                connection.transport.abort()  # it was told and takes nothing: closing would wait for it
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``ListenError``."""
    sockets = [
        listen(settings.host, settings.port, "SANDBOXD_PORT"),
        listen(settings.service_host, settings.service_port, "SANDBOXD_SERVICE_PORT"),
    ]
    server_of(app, settings, sockets).run(sockets=sockets)


def server_of(app: FastAPI, settings: Settings, sockets: list[socket.socket]) -> DrainingServer:
    """The server of the API on the first socket and of sandboxes' services on the second. Raises ``ListenError``."""
    core: Core = app.state.core
    api_port, service_port = (listener.getsockname()[1] for listener in sockets)
    if api_port == service_port:
        raise ListenError(f"the API and sandboxes' services cannot both have port {api_port}; set two")
    core.addresses.port = service_port
    gateway: ASGIApp = Gateway(core)
    if settings.service_public_url:
        gateway = _behind_proxy(gateway)
    config = uvicorn.Config(
        Dispatch(_behind_proxy(app), gateway, service_port),
        proxy_headers=False,  # each side says for itself whom it believes
        loop="uvloop",
        http=BoundedHttp,
        ws=PacedWebSocket,
        ws_max_size=settings.message_limit,
        ws_per_message_deflate=False,
        ws_ping_interval=settings.ping_interval,
        ws_ping_timeout=PONG_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_grace,
        timeout_keep_alive=65,
        access_log=False,
        log_config=None,
        server_header=False,
    )
    return DrainingServer(config, core.streams)


def _behind_proxy(app: ASGIApp) -> ASGIApp:
    """The app, believing what a proxy on this machine, or at ``FORWARDED_ALLOW_IPS``, says of client and scheme."""
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    return ProxyHeadersMiddleware(app, trusted_hosts=trusted)  # type: ignore[arg-type, return-value]  # the same calls


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; ``setting`` is where its port comes from. Raises ``ListenError``."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Connections inherit it: one whose client reads nothing ends by itself. Not every system has the option.
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        raise ListenError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); set {setting} to a free port, "
            "or end what uses this one"
        ) from None
    return listener


def configure_logging(level: str) -> None:
    """One readable line an event on standard error."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_for_the_log)
    logging.getLogger("alembic").setLevel(logging.WARNING)


_LOGGED_WHERE_DONE = {
    "ASGI callable returned without completing response.",  # a program in a sandbox broke its answer off
    "ASGI callable returned without completing handshake.",  # uvicorn says so of every WebSocket that is refused
}
_ANYBODYS = {"Invalid HTTP request received.", "Unsupported upgrade request."}


def _is_for_the_log(record: logging.LogRecord) -> bool:
    """What is done on purpose is logged where that is; what anybody can cause must not fill the disk."""
    if record.msg in _ANYBODYS:
        refusals.info("%s", record.msg)
    return record.msg not in _LOGGED_WHERE_DONE | _ANYBODYS
