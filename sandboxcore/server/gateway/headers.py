"""What passes between a client and a program in a sandbox, and what does not.

To the program goes no credential of ours, nothing about the connection, and where the request truly came from.
To the client goes nothing that reaches beyond the program's own origin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandboxcore.server.gateway.addresses import Place

Headers = list[tuple[bytes, bytes]]

TOKEN_HEADER = b"x-langsmith-sandbox-service-token"
COOKIE = b"sandbox-service-token"
SECURE_COOKIE = b"__Host-sandbox-service-token"
"""Browsers take a cookie of this name only from this very host, so that no neighbour can plant one."""
MOST = 200
"""Headers of one request or answer."""
OUR_COOKIES = (COOKIE, SECURE_COOKIE)

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"http2-settings",
}
_NOT_FOR_PROGRAMS = _HOP_BY_HOP | {
    TOKEN_HEADER,
    b"x-api-key",
    b"x-sandbox-actor",
    b"cookie",
    b"host",
    b"expect",
    b"content-length",
    b"forwarded",
    b"x-real-ip",
    b"via",
}
_NOT_FOR_CLIENTS = _HOP_BY_HOP | {
    b"alt-svc",  # would lead the browser to another server
    b"clear-site-data",  # clears the cookies of every host of the domain
    b"date",  # the server sets it
    b"expect-ct",
    b"nel",
    b"public-key-pins",
    b"public-key-pins-report-only",
    b"report-to",
    b"set-cookie",
    b"set-cookie2",
    b"strict-transport-security",  # on the shared host, and by includeSubDomains, it binds others
    b"x-robots-tag",
    b"x-sendfile",  # orders to a web server in front of this one
    b"x-lighttpd-send-file",
}
_SECONDHAND = (b"x-forwarded-",)
_ORDERS = (b"x-accel-",)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class BadHeaderError(ValueError):
    """A program sent a header that may not be passed on."""


def values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Every value of a header, whose name is in lower case."""
    return [value for key, value in headers if key.lower() == name]


def value(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The only value of a header, or nothing where there is none or more than one."""
    found = values(headers, name)
    return found[0].decode("latin-1") if len(found) == 1 else ""


def for_program(headers: Headers, place: Place, client: str) -> Headers:
    """The end-to-end headers of a request, and where it came from; without its body's length."""
    dropped = _NOT_FOR_PROGRAMS | _named_by_connection(headers)
    passed = [
        (name, value)
        for name, value in ((name.lower(), value) for name, value in headers)
        # A program that knows headers as CGI does reads an underscore as a hyphen.
        if name not in dropped and not name.startswith(_SECONDHAND) and b"_" not in name
    ]
    cookie = foreign_cookies(headers)
    if cookie:
        passed.append((b"cookie", cookie))
    passed += [
        (b"x-forwarded-for", client.encode()),
        (b"x-forwarded-host", place.host.encode()),
        (b"x-forwarded-proto", place.scheme.encode()),
    ]
    if place.prefix:
        passed.append((b"x-forwarded-prefix", place.prefix.encode()))
    return [(b"host", place.host.encode()), *passed]


def our_cookies(headers: Headers, name: bytes) -> list[str]:
    """The values of our cookie; there can be more than one where a neighbour planted some."""
    pairs = (pair.partition(b"=") for pair in _cookie_pairs(headers))
    return [value.strip().decode("latin-1") for key, _, value in pairs if key.strip() == name][:4]


def foreign_cookies(headers: Headers) -> bytes:
    """The Cookie header without our cookies."""
    return b"; ".join(
        pair.strip() for pair in _cookie_pairs(headers) if pair.partition(b"=")[0].strip() not in OUR_COOKIES
    )


def _cookie_pairs(headers: Headers) -> list[bytes]:
    return [pair for line in values(headers, b"cookie") for pair in line.split(b";") if pair.strip()]


def for_client(headers: Headers, place: Place, status: int) -> Headers:
    """The headers of a program's answer that concern its own origin alone. Raises ``BadHeaderError``."""
    dropped = _NOT_FOR_CLIENTS | _named_by_connection(headers)
    if status in {204, 304}:
        dropped = dropped | {b"content-length"}
    passed: Headers = []
    for name, value in ((name.lower(), value) for name, value in headers):
        if _CONTROL.search(value):
            raise BadHeaderError(name.decode("latin-1"))
        if name == b"set-cookie":
            passed += [(name, cookie) for cookie in [_own_cookie(value, place)] if cookie]
        elif name == b"location":
            passed.append((name, _own_location(value, place)))
        elif name not in dropped and not name.startswith(_ORDERS):
            passed.append((name, value))
    return passed + _guards(passed, place)


def _guards(passed: Headers, place: Place) -> Headers:
    """What we add: search engines, caches and other origins stay out, whatever the program says."""
    given = {name for name, _ in passed}
    caching = b",".join(values(passed, b"cache-control")).lower()
    guards = [(b"x-robots-tag", b"noindex")]
    if b"referrer-policy" not in given:
        guards.append((b"referrer-policy", b"same-origin"))
    if b"private" not in caching and b"no-store" not in caching:
        guards.append((b"cache-control", b"private"))
    if not place.has_own_origin:
        return [*guards, (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'")]
    if b"cross-origin-resource-policy" not in given:
        guards.append((b"cross-origin-resource-policy", b"same-origin"))
    if b"origin-agent-cluster" not in given:
        guards.append((b"origin-agent-cluster", b"?1"))
    return [*guards, (b"content-security-policy", b"frame-ancestors 'self'")]


def _own_cookie(cookie: bytes, place: Place) -> bytes:
    """A Set-Cookie that is the program's host's alone; nothing where it would overwrite our cookie."""
    pair, *attributes = cookie.split(b";")
    if pair.partition(b"=")[0].strip() in OUR_COOKIES:
        return b""
    kept = [each for each in attributes if each.partition(b"=")[0].strip().lower() != b"domain"]
    if place.prefix:
        kept = [each for each in kept if each.partition(b"=")[0].strip().lower() != b"path"]
        kept.append(f" Path={place.prefix}/".encode())
    return b";".join([pair, *kept])


def _own_location(location: bytes, place: Place) -> bytes:
    """A redirection within the program's site, as it is to be followed from outside."""
    if not place.prefix:
        return location
    prefix, origin = place.prefix.encode(), place.origin.encode()
    if location.startswith(b"/") and not location.startswith((b"//", b"/\\")):
        return prefix + location
    if location.startswith(origin + b"/"):
        return origin + prefix + location.removeprefix(origin)
    return location


def _named_by_connection(headers: Headers) -> set[bytes]:
    return {token.strip().lower() for line in values(headers, b"connection") for token in line.split(b",")}
