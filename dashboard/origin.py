"""Who may open a WebSocket at all: only a page of the console itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Application = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]

_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}


def _header(scope: dict[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _is_own(origin: str, host: str, scheme: str) -> bool:
    """Whether a page of ``origin`` is a page of ``host``: the same name and the same port.

    The scheme is not compared: behind a proxy that ends TLS the console sees ``ws`` where the page has ``https``.
    """
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    if page.scheme not in {"http", "https"} or not page.hostname:
        return False
    own_name, own_port = split_domain_port(host)
    if not validate_host(own_name, settings.ALLOWED_HOSTS):
        return False
    page_name, page_port = split_domain_port(page.netloc)
    if page_name != own_name:
        return False
    ports = {own_port} if own_port else {_PORTS.get(scheme, ""), "443"}
    return (page_port or _PORTS[page.scheme]) in ports


class SameOriginOnly:
    """Denies a socket whose ``Origin`` is not the host that it was opened on, or whose host is not allowed.

    Stricter than a list of allowed origins: another port of the same machine, where something that a sandbox
    serves may one day be looked at, is another origin.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Pass the socket on, or deny it. A client that sends no ``Origin`` is no browser and is denied too."""
        if _is_own(_header(scope, b"origin"), _header(scope, b"host"), scope.get("scheme", "ws")):
            await self._application(scope, receive, send)
            return
        await receive()
        # Before the socket is accepted this is an answer of status 403.
        await send({"type": "websocket.close"})
