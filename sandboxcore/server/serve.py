"""Running the application on uvicorn: its socket, its log, and an end that open streams do not hold up."""

from __future__ import annotations

import logging
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

    from sandboxcore.server.config import Settings

log = logging.getLogger("sandboxd")
DRAIN_SECONDS = 2.0
PONG_SECONDS = 60.0
UNREAD_MILLISECONDS = 120_000
"""How long a client may leave what it was sent unread before its connection is dropped; it can come back by offset."""


class ListenError(SandboxError):
    """The address cannot be listened on; the message says what to do."""


class DrainingServer(uvicorn.Server):
    """Says 1001 to every open stream before it ends, so that clients come back instead of failing."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and say where."""
        await super().startup(sockets)
        for listener in sockets or []:
            address = listener.getsockname()
            log.info("sandboxd is ready on http://%s:%d", address[0], address[1])

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
        app: FastAPI = self.config.app  # type: ignore[assignment]  # given as an object below
        await app.state.core.streams.drain(DRAIN_SECONDS)
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketsSansIOProtocol) and connection.transport.get_write_buffer_size():
                connection.transport.abort()  # it was told and takes nothing: closing would wait for it
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``ListenError``."""
    listener = listen(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
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
    DrainingServer(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``ListenError``."""
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
            f"cannot listen on {host}:{port} ({error.strerror or error}); set SANDBOXD_PORT to a free port, "
            "or end what uses this one"
        ) from None
    return listener


def configure_logging(level: str) -> None:
    """One readable line an event on standard error."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
