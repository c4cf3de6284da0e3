"""What passes to the program and back, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.gateway.programs import OK, Service, program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Open = Callable[..., Awaitable[Service]]


def answer_with(*lines: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + "".join(f"{line}\r\n" for line in lines).encode() + OK.partition(b"\r\n")[2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Api-Key", "sbx_secret"),
        ("X-Sandbox-Actor", "somebody"),
        ("Proxy-Authorization", "Basic secret"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Forwarded-Ssl", "secret"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X_Api_Key", "secret"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("Via", "1.1 secret"),
    ],
)
async def test_what_a_program_does_not_get(service: Open, name: str, value: str) -> None:
    async with program() as inner:
        found = await service(inner)
        await found.get(headers={name: value, "X-Theirs": "kept"})
    head = inner.head()
    assert name.lower().encode() not in head
    assert value.encode() not in inner.heads[0]
    assert head[b"x-theirs"] == b"kept"
    assert found.token.encode() not in inner.heads[0]


async def test_where_a_request_came_from_is_the_truth(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
        await found.get(headers=lies)
    head = inner.head()
    assert head[b"host"] == head[b"x-forwarded-host"] == found.host.encode()
    assert head[b"x-forwarded-for"] == b"127.0.0.1"
    assert head[b"x-forwarded-proto"] == b"http"
    assert inner.heads[0].lower().count(b"x-forwarded-for:") == 1


async def test_headers_that_connection_names_stay_behind(service: Open) -> None:
    async with program(answer_with("Connection: X-Inner", "X-Inner: secret")) as inner:
        found = await service(inner)
        answer = await found.get(headers={"Connection": "X-Hop, close", "X-Hop": "secret", "Upgrade": "h2c"})
    assert b"secret" not in inner.heads[0]
    assert b"upgrade" not in inner.head()
    assert "x-inner" not in answer.headers


@pytest.mark.parametrize(
    "line",
    [
        "Strict-Transport-Security: max-age=1; includeSubDomains",
        'Clear-Site-Data: "cookies"',
        'Alt-Svc: h3=":443"',
        "Public-Key-Pins: pin",
        'NEL: {"include_subdomains":true}',
        "Report-To: {}",
        "X-Accel-Redirect: /etc/passwd",
        "X-Sendfile: /etc/passwd",
        "Proxy-Authenticate: Basic",
        "Set-Cookie2: a=b",
        "Set-Cookie: sandbox-service-token=x",
        "Set-Cookie: __Host-sandbox-service-token=x; Secure; Path=/",
        "X-Robots-Tag: all",
    ],
)
async def test_what_would_reach_beyond_the_programs_origin_stays_behind(service: Open, line: str) -> None:
    async with program(answer_with(line, "X-Theirs: kept")) as inner:
        answer = await (await service(inner)).get()
    name, _, value = line.partition(": ")
    assert value not in answer.headers.get_list(name)
    assert answer.headers["x-theirs"] == "kept"
    assert answer.headers["x-robots-tag"] == "noindex"


async def test_a_cookie_stays_on_its_host(service: Open) -> None:
    cookies = ["a=1; Domain=localhost; HttpOnly", "b=2; domain = .example.com ; Path=/x"]
    async with program(answer_with(*(f"Set-Cookie: {cookie}" for cookie in cookies))) as inner:
        found = await service(inner)
        own = await found.get()
        async with found.browser() as client:
            shared = await client.get(f"/{found.label}/", headers=found.by_token)
    assert own.headers.get_list("set-cookie") == ["a=1; HttpOnly", "b=2; Path=/x"]
    assert shared.headers.get_list("set-cookie") == [
        f"a=1; HttpOnly; Path=/{found.label}/",
        f"b=2; Path=/{found.label}/",
    ]


@pytest.mark.parametrize(
    ("given", "own", "shared"),
    [
        ("/login?x", "/login?x", "/LABEL/login?x"),
        ("http://HOST/login", "http://HOST/login", "http://HOST/LABEL/login"),
        ("//evil.example/", "//evil.example/", "//evil.example/"),
        ("https://example.com/", "https://example.com/", "https://example.com/"),
        ("next", "next", "next"),
    ],
)
async def test_redirections_can_be_followed(service: Open, given: str, own: str, shared: str) -> None:
    hosts: list[str] = []

    async def redirect(_reader: object, writer: object) -> None:
        host = inner.head()[b"host"].decode()
        hosts.append(host)
        location = given.replace("HOST", host)
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())  # type: ignore[attr-defined]

    async with program(redirect) as inner:
        found = await service(inner)
        by_host = await found.get()
        async with found.browser() as client:
            by_path = await client.get(f"/{found.label}/", headers=found.by_token)
    assert by_host.headers["location"] == own.replace("HOST", hosts[0])
    assert by_path.headers["location"] == shared.replace("HOST", hosts[1]).replace("LABEL", found.label)


async def test_other_origins_and_shared_caches_are_kept_out(service: Open) -> None:
    async with program(answer_with("Cache-Control: public, max-age=9", "Content-Security-Policy: x")) as inner:
        found = await service(inner)
        answer = await found.get()
    assert answer.headers["cache-control"] == "public, max-age=9, private"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"] == "x, frame-ancestors 'self'"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert len(answer.headers.get_list("date")) == 1
