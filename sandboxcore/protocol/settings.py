"""Which server to talk to, with which key, and the addresses that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from sandboxcore.errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

API_PATH = "/v2/sandboxes"
ADMIN_PATH = "/v2/admin"
DEFAULT_SERVER = "https://api.smith.langchain.com"
ENDPOINT_VARIABLES = ("SANDBOX_ENDPOINT", "LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT")
KEY_VARIABLES = ("SANDBOX_API_KEY", "LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")
ADMIN_KEY_VARIABLE = "SANDBOX_ADMIN_KEY"
KEY_HEADER = "X-Api-Key"


def resolve_endpoint(explicit: str | None, environ: Mapping[str, str]) -> str:
    """The base URL of the API, without a slash at its end.

    ``explicit`` is taken as it is; a variable of the environment may hold the base or only the server, and the first
    of ``ENDPOINT_VARIABLES`` that is not blank counts. Raises ``ValueError`` for what is no HTTP URL.
    """
    if explicit:
        return _checked(explicit)
    server = _first(ENDPOINT_VARIABLES, environ) or DEFAULT_SERVER
    base = _checked(server)
    return base if base.endswith(API_PATH) else base + API_PATH


def resolve_api_key(explicit: str | None, environ: Mapping[str, str]) -> str | None:
    """The API key: ``explicit``, or the first of ``KEY_VARIABLES`` that is not blank, or None."""
    return explicit or _first(KEY_VARIABLES, environ)


def resolve_admin_endpoint(explicit: str | None, environ: Mapping[str, str]) -> str:
    """The base URL of the admin API: ``explicit`` as it is, else at the server of ``SANDBOX_ENDPOINT``.

    Raises ``ValueError`` where neither is given, and for what is no HTTP URL.
    """
    if explicit:
        return _checked(explicit)
    server = _first(ENDPOINT_VARIABLES[:1], environ)
    if server is None:
        raise ValueError(f"give api_endpoint, or set {ENDPOINT_VARIABLES[0]}")
    return _checked(server).removesuffix(API_PATH) + ADMIN_PATH


def resolve_admin_key(explicit: str | None, environ: Mapping[str, str]) -> str | None:
    """The admin key: ``explicit``, or ``SANDBOX_ADMIN_KEY``, or None."""
    return explicit or _first((ADMIN_KEY_VARIABLE,), environ)


def auth_headers(api_key: str | None) -> dict[str, str]:
    """The headers that every request and every WebSocket upgrade carries."""
    return {KEY_HEADER: api_key} if api_key else {}


def path_segment(name: str) -> str:
    """``name`` as one segment of a path, whatever it contains."""
    return quote(name, safe="") if name not in {".", ".."} else name.replace(".", "%2E")


def websocket_url(dataplane_url: str, path: str = "/execute/ws") -> str:
    """The address of one of the WebSockets below ``dataplane_url``. Raises ``InvalidResponseError``."""
    parts = urlsplit(dataplane_url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise InvalidResponseError("sandbox: dataplane_url is not an HTTP URL", field="dataplane_url")
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, parts.query, ""))


def _checked(url: str) -> str:
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the API endpoint is not a URL that begins with http:// or https://")
    return url


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    values = (environ.get(name, "").strip() for name in names)
    return next(filter(None, values), None)
