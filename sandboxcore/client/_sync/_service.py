# Generated from sandboxcore/client/_async/_service.py by tools/unasync.py: change that file, then run this tool.
"""What a program in a sandbox serves, from outside: its addresses, kept valid, and requests to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from sandboxcore.client._io import current
from sandboxcore.protocol.services import TOKEN_HEADER, ServiceAddress, ask_service

if TYPE_CHECKING:
    from sandboxcore.client._sync._http import Http


_OF_CONNECTIONS = ("cert", "proxy", "transport", "trust_env", "verify")
"""Options of a request that httpx takes for a whole client."""


class ServiceURL:
    """The addresses of one port inside a sandbox. Made by ``sandbox.service(port)``.

    Its token expires; the ``get_…`` methods and the requests exchange it for a new one shortly before. Each raises
    what ``sandbox.service`` does when that fails.
    """

    def __init__(self, http: Http, name: str, port: int, seconds: int) -> None:
        self._http = http
        self._name = name
        self._port = port
        self._seconds = seconds
        self._held: ServiceAddress | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} port {self._port} of {self._name}: {self._held}>"

    def _address(self) -> ServiceAddress:
        """The addresses with a token that holds for a while."""
        held = self._held
        if held is None or time.monotonic() >= held.renew_at:
            asked_at = time.monotonic()
            answer = self._http.json(ask_service(self._name, self._port, self._seconds))
            held = self._held = ServiceAddress.read(answer, asked_at=asked_at, seconds=self._seconds)
        return held

    def get_token(self) -> str:
        """What opens the service, for a header ``X-Langsmith-Sandbox-Service-Token``."""
        return (self._address()).token

    def get_service_url(self) -> str:
        """The base of the service's addresses for programs, which send the token with every request."""
        return (self._address()).service_url

    def get_browser_url(self) -> str:
        """An address for a browser, which gets the token as a cookie from it. Whoever has it may use the service."""
        return (self._address()).browser_url

    def get_expires_at(self) -> str:
        """When the token ends, as ISO 8601."""
        return (self._address()).expires_at

    @property
    def token(self) -> str:
        """As ``get_token``; the synchronous client gives the one at hand, which may have expired."""
        return current(self._address, self._held).token

    @property
    def service_url(self) -> str:
        """As ``get_service_url``, with the same exception."""
        return current(self._address, self._held).service_url

    @property
    def browser_url(self) -> str:
        """As ``get_browser_url``, with the same exception."""
        return current(self._address, self._held).browser_url

    @property
    def expires_at(self) -> str:
        """As ``get_expires_at``, with the same exception."""
        return current(self._address, self._held).expires_at

    def request(
        self, method: str, path: str = "/", *, timeout: float | httpx.Timeout | None = 60, **options: Any
    ) -> httpx.Response:
        """Send one request to the service and return its answer, whatever its status.

        ``path`` is below the service's base; ``options`` are those of ``httpx.request``. The token goes to the service
        alone, even where the answer redirects elsewhere and ``follow_redirects`` is set. Raises ``httpx.HTTPError``.
        """
        address = self._address()

        def keep_token_home(request: httpx.Request) -> None:
            if address.covers(str(request.url)):
                request.headers[TOKEN_HEADER] = address.token
            else:
                request.headers.pop(TOKEN_HEADER, None)

        made = {name: options.pop(name) for name in _OF_CONNECTIONS if name in options}
        hooks = {"request": [keep_token_home]}
        with httpx.Client(event_hooks=hooks, timeout=timeout, **made) as http:
            return http.request(method, address.url(path), **options)

    def get(self, path: str = "/", **options: Any) -> httpx.Response:
        """``request`` with GET."""
        return self.request("GET", path, **options)

    def post(self, path: str = "/", **options: Any) -> httpx.Response:
        """``request`` with POST."""
        return self.request("POST", path, **options)

    def put(self, path: str = "/", **options: Any) -> httpx.Response:
        """``request`` with PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str = "/", **options: Any) -> httpx.Response:
        """``request`` with PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str = "/", **options: Any) -> httpx.Response:
        """``request`` with DELETE."""
        return self.request("DELETE", path, **options)
