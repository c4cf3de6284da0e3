"""Letting a request in: which service it is for, by which token, and that no other site's page sent it.

A program sends its token in a header. A browser brings it once, in an address, and gets it back as a cookie; since a
browser sends cookies with whatever a page of any site makes it send, those requests must come from the service itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from sandboxcore.server.gateway import headers, refusals

if TYPE_CHECKING:
    from sandboxcore.server.gateway.addresses import Addresses, Place
    from sandboxcore.server.gateway.passes import Pass, Passes

PARAMETER = b"__sandbox_token"
"""In the query of ``browser_url``; a name that programs do not use themselves."""
MAX_HEADER_BYTES = 64 * 1024
MAX_TARGET_BYTES = 32 * 1024
_SAFE = {"GET", "HEAD"}
_REFUSED_METHODS = {"CONNECT", "TRACE"}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that may pass."""

    leave: Pass
    place: Place
    scope: Any
    """The ASGI scope."""

    @property
    def request_target(self) -> bytes:
        """Path and query as the program is to see them."""
        query: bytes = self.scope["query_string"]
        return self.place.path + (b"?" + query if query else b"")


@dataclass(frozen=True, slots=True)
class Entry:
    """A browser that brought its token in the address: where it goes on, and the cookie that it gets."""

    location: bytes
    cookie: bytes


async def admit(scope: Any, addresses: Addresses, passes: Passes) -> Visit | Entry:
    """Let a request in. Raises ``Refusal``."""
    _check_form(scope)
    place = addresses.read(headers.value(scope["headers"], b"host"), scope["raw_path"])
    if place is None:
        raise refusals.unknown_address()
    token = headers.value(scope["headers"], headers.TOKEN_HEADER)
    if not place.has_own_origin:
        _require_program(scope["headers"])
    if token or not place.has_own_origin:
        return Visit(await passes.check(token, place), place, scope)
    token, rest = _token_of_address(scope)
    if token:
        return _entry(await passes.check(token, place), token, place, rest, secure=addresses.is_secure)
    return await _admit_browser(scope, place, passes, secure=addresses.is_secure)


async def _admit_browser(scope: Any, place: Place, passes: Passes, *, secure: bool) -> Visit:
    """By cookie. Raises ``Refusal``."""
    name = headers.SECURE_COOKIE if secure else headers.COOKIE
    refusal = refusals.no_leave()
    for token in headers.our_cookies(scope["headers"], name):
        try:
            leave = await passes.check(token, place)
        except refusals.Refusal as error:
            refusal = error
            continue
        _require_same_origin(scope, place)
        return Visit(leave, place, scope)
    raise refusal


def _check_form(scope: Any) -> None:
    """Raises ``Refusal``."""
    found = scope["headers"]
    if len(found) > headers.MOST or sum(len(name) + len(value) for name, value in found) > MAX_HEADER_BYTES:
        raise refusals.bad_request("the request's headers are too large", 431)
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        raise refusals.bad_request("the request's address is too long")
    if scope.get("method") in _REFUSED_METHODS:
        raise refusals.bad_request("this method does not pass", 405)
    if not scope["raw_path"].startswith(b"/") or len(headers.values(found, b"host")) != 1:
        raise refusals.bad_request("the request's address makes no sense")
    lengths = headers.values(found, b"content-length")
    if len(lengths) > 1 or (lengths and headers.values(found, b"transfer-encoding")):
        raise refusals.bad_request("the request gives its length more than once")


def _require_program(found: headers.Headers) -> None:
    """On the shared origin nothing may come from a page: what is served there would be one origin to a browser.

    Raises ``Refusal``.
    """
    if headers.values(found, b"sec-fetch-site") or headers.values(found, b"sec-fetch-dest"):
        raise refusals.programs_only()


def _require_same_origin(scope: Any, place: Place) -> None:
    """That the service's own page sent it, or somebody followed a link to it. Raises ``Refusal``."""
    found = scope["headers"]
    origin = headers.value(found, b"origin") if headers.values(found, b"origin") else None
    if scope["type"] == "websocket":
        allowed = origin == place.origin
    elif site := headers.value(found, b"sec-fetch-site"):
        follows_link = (
            scope["method"] in _SAFE
            and headers.value(found, b"sec-fetch-mode") == "navigate"
            and headers.value(found, b"sec-fetch-dest") == "document"
        )
        allowed = site in {"same-origin", "none"} or follows_link
    else:
        allowed = origin == place.origin or (origin is None and scope["method"] in _SAFE)
    if not allowed:
        raise refusals.cross_site()


def _token_of_address(scope: Any) -> tuple[str, bytes]:
    """The token in the query, and the query without it; nothing unless a browser may open this address."""
    query: bytes = scope["query_string"]
    if scope["type"] != "http" or scope["method"] != "GET" or PARAMETER not in query:
        return "", query
    token, rest = "", []
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == PARAMETER:
            token = unquote_to_bytes(value).decode("latin-1")
        else:
            rest.append(pair)
    return token, b"&".join(rest)


def _entry(leave: Pass, token: str, place: Place, query: bytes, *, secure: bool) -> Entry:
    """Raises nothing: the location is on the service's own origin whatever the path says."""
    name = headers.SECURE_COOKIE if secure else headers.COOKIE
    # Not Strict: a browser would then leave the cookie out right after a link from another site, the console's too.
    attributes = f"Path=/; Max-Age={int(leave.seconds_left)}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    location = place.origin.encode() + place.path + (b"?" + query if query else b"")
    return Entry(location, name + b"=" + token.encode() + b"; " + attributes.encode())
