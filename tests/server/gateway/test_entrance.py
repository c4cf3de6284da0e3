"""Who is let in: each rule with a request that only that rule keeps out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.server.conftest import unique
from tests.server.gateway.programs import Service, new_sandbox, program
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.running import Sandboxd

    Open = Callable[..., Awaitable[Service]]

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]["error"]


async def test_a_browser_enters_with_the_address_and_goes_on_with_a_cookie(service: Open) -> None:
    async with program() as inner:
        found = await service(inner, seconds=300)
        async with found.browser() as client:
            address = httpx.URL(found.browser_url)
            query = address.query.decode() + "&keep=%20me"
            entry = await client.get(f"/deep/page?{query}", headers={"Host": found.host})
            assert inner.heads == []
            cookie = entry.headers["set-cookie"]
            page = await client.get(
                "/deep/page?keep=%20me",
                headers={"Host": found.host, "Cookie": f"theirs=1; {cookie.partition(';')[0]}; more=2"},
            )
    assert entry.status_code == 303
    assert entry.headers["location"] == f"{found.origin}/deep/page?keep=%20me"
    assert entry.headers["cache-control"] == "no-store"
    assert entry.headers["referrer-policy"] == "no-referrer"
    name, *attributes = cookie.split("; ")
    assert name == f"sandbox-service-token={found.token}"
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)
    age = next(int(each.partition("=")[2]) for each in attributes if each.startswith("Max-Age="))
    assert 280 < age <= 300
    assert (page.status_code, page.text) == (200, "ok")
    assert inner.head()[b"cookie"] == b"theirs=1; more=2"
    assert found.token.encode() not in b"".join(inner.heads)


async def test_entering_never_leads_elsewhere(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        query = httpx.URL(found.browser_url).query.decode()
        line = f"GET //evil.example/%0d%0aX:%20y?{query} HTTP/1.1"
        answer = await found.raw(f"{line}\r\nHost: {found.host}\r\nConnection: close\r\n\r\n".encode())
    location = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"location: "))
    assert location[10:] == f"{found.origin}//evil.example/%0d%0aX:%20y".encode()


async def test_only_a_get_enters_by_address(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        path = "/?" + httpx.URL(found.browser_url).query.decode()
        async with found.browser() as client:
            for method in ("POST", "HEAD", "OPTIONS"):
                answer = await client.request(method, path, headers={"Host": found.host})
                assert answer.status_code == 401
                assert "set-cookie" not in answer.headers
    assert inner.heads == []


async def test_behind_tls_the_cookie_is_bound_to_its_host(own_sandboxd: Callable[..., Sandboxd]) -> None:
    server = own_sandboxd(service_public_url="https://services.example.com")
    sandbox = await new_sandbox(server)
    async with program() as inner:
        found = await Service.of(server, sandbox, inner.port)
        assert found.browser_url.startswith(f"https://{inner.port}-")
        assert httpx.URL(found.browser_url).host.endswith(".services.example.com")
        assert found.service_url == f"https://services.example.com/{found.label}/"
        async with found.browser() as client:
            query = httpx.URL(found.browser_url).query.decode()
            entry = await client.get(f"/?{query}", headers={"Host": found.host})
            cookie = entry.headers["set-cookie"]
            plain = await client.get("/", headers=found.by_cookie)
            page = await client.get(
                "/",
                headers={"Host": found.host, "Cookie": cookie.partition(";")[0], "X-Forwarded-For": "203.0.113.7"},
            )
    assert entry.headers["location"] == f"https://{found.host}/"
    assert cookie.startswith("__Host-sandbox-service-token=")
    assert "; Secure" in cookie
    assert plain.status_code == 401  # the name that a neighbour could plant
    assert page.status_code == 200
    assert inner.head()[b"x-forwarded-proto"] == b"https"
    assert inner.head()[b"x-forwarded-for"] == b"203.0.113.7"


@pytest.mark.parametrize("token", ["", "nonsense", "sbxs_" + "a" * 43, "sbx_key"])
async def test_without_a_token_that_holds(service: Open, token: str) -> None:
    async with program() as inner:
        found = await service(inner)
        found.token = token
        async with found.browser() as client:
            for path, headers in (
                ("/", {"Host": found.host, **found.by_token}),
                ("/", found.by_cookie),
                (f"/{found.label}/", found.by_token),
                (f"/?__sandbox_token={token}", {"Host": found.host}),
            ):
                assert kind(await client.get(path, headers=headers)) == (401, "ServiceTokenInvalid")
    assert inner.heads == []


async def test_a_token_is_for_one_port_of_one_sandbox(service: Open, sandboxd: Sandboxd) -> None:
    other = await new_sandbox(sandboxd)
    async with program() as inner, program() as neighbour:
        mine, next_port = await service(inner), await service(neighbour)
        elsewhere = await Service.of(sandboxd, other, inner.port)
        assert len({mine.host, next_port.host, elsewhere.host}) == 3
        async with mine.browser() as client:
            for place in (next_port, elsewhere):
                for path, headers in (
                    ("/", {"Host": place.host, **mine.by_token}),
                    ("/", {**mine.by_cookie, "Host": place.host}),
                    (f"/{place.label}/", mine.by_token),
                ):
                    assert kind(await client.get(path, headers=headers)) == (401, "ServiceTokenInvalid")
    assert inner.heads == neighbour.heads == []


async def test_on_the_shared_origin_a_browser_gets_nothing(service: Open) -> None:
    async with program(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nService-Worker-Allowed: /\r\n\r\n") as inner:
        found = await service(inner)
        path = f"/{found.label}/"
        async with found.browser() as client:
            cookie = {"Cookie": f"sandbox-service-token={found.token}"}
            assert kind(await client.get(path, headers=cookie)) == (401, "ServiceTokenInvalid")
            by_address = await client.get(path + "?" + httpx.URL(found.browser_url).query.decode())
            assert (by_address.status_code, "set-cookie" in by_address.headers) == (401, False)
            for mark in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Dest": "empty"}):
                assert kind(await client.get(path, headers={**found.by_token, **mark})) == (403, "ProgramsOnly")
            assert inner.heads == []
            answer = await client.get(path, headers=found.by_token)
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "headers", "allowed"),
    [
        ("GET", {"Sec-Fetch-Site": "same-origin"}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ("GET", {"Sec-Fetch-Site": "none", **NAVIGATION}, True),
        ("GET", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}, True),
        ("GET", {"Sec-Fetch-Site": "same-site", **NAVIGATION}, True),
        ("POST", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}, False),
        ("POST", {"Sec-Fetch-Site": "same-site", **NAVIGATION}, False),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, False),
        ("GET", {}, True),
        ("GET", {"Origin": "http://evil.example"}, False),
        ("POST", {}, False),
        ("POST", {"Origin": "null"}, False),
        ("POST", {"Origin": "http://evil.example"}, False),
        ("POST", {"Origin": "OWN"}, True),
        ("DELETE", {"Origin": "https-OWN"}, False),
    ],
)
async def test_a_cookie_works_for_the_services_own_pages_alone(
    service: Open, method: str, headers: dict[str, str], allowed: bool
) -> None:
    async with program() as inner:
        found = await service(inner)
        sent = {**found.by_cookie}
        del sent["Sec-Fetch-Site"]
        own = {"OWN": found.origin, "https-OWN": found.origin.replace("http:", "https:")}
        sent |= {name: own.get(value, value) for name, value in headers.items()}
        async with found.browser() as client:
            answer = await client.request(method, "/", headers=sent)
    if allowed:
        assert answer.status_code == 200
    else:
        assert kind(answer) == (403, "CrossSiteRequest")
        assert inner.heads == []


async def test_a_planted_cookie_does_not_lock_the_browser_out(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        cookie = f"sandbox-service-token=sbxs_{'a' * 43}; sandbox-service-token={found.token}"
        async with found.browser() as client:
            answer = await client.get("/", headers={**found.by_cookie, "Cookie": cookie})
    assert answer.status_code == 200


async def test_the_token_expires(service: Open) -> None:
    async with program() as inner:
        found = await service(inner, seconds=1)
        with httpx.Client(base_url=f"http://127.0.0.1:{found.server.service_port}") as client:
            headers = {"Host": found.host, **found.by_token}
            answer = until(lambda: (got := client.get("/", headers=headers)).status_code == 401 and got, 10)
    assert kind(answer) == (401, "ServiceTokenInvalid")


async def test_the_token_ends_with_its_key(service: Open, sandboxd: Sandboxd) -> None:
    key = sandboxd.cli("keys", "create", "--name", unique("key"))
    async with program() as inner:
        found = await service(inner, key=key["api_key"])
        assert (await found.get()).status_code == 200
        sandboxd.cli("keys", "revoke", key["id"])
        with httpx.Client(base_url=f"http://127.0.0.1:{found.server.service_port}") as client:
            headers = {"Host": found.host, **found.by_token}
            until(lambda: client.get("/", headers=headers).status_code == 401, 5, "the end of the key's token")


async def test_the_token_ends_with_its_sandbox(service: Open, api: httpx.AsyncClient, box: dict[str, Any]) -> None:
    async with program() as inner:
        found = await service(inner)
        await api.delete(f"/boxes/{box['name']}")
        with httpx.Client(base_url=f"http://127.0.0.1:{found.server.service_port}") as client:
            headers = {"Host": found.host, **found.by_token}
            until(lambda: client.get("/", headers=headers).status_code == 401, 5, "the end of the sandbox's token")
    assert inner.heads == []


async def test_each_listener_has_its_own_addresses_alone(service: Open, sandboxd: Sandboxd) -> None:
    async with program() as inner:
        found = await service(inner)
        async with found.browser(headers={"X-Api-Key": sandboxd.key}) as client:
            for path in ("/healthz", "/v2/sandboxes/boxes", "/docs", "/openapi.json", "/"):
                for host in ("127.0.0.1", "localhost", f"127.0.0.1:{sandboxd.port}", "evil.example"):
                    assert kind(await client.get(path, headers={"Host": host})) == (404, "ServiceNotFound")
            assert kind(await client.get("/v2/sandboxes/boxes", headers={"Host": found.host}))[0] == 401
        async with httpx.AsyncClient(base_url=sandboxd.origin) as client:
            for path in ("/", f"/{found.label}/"):
                answer = await client.get(path, headers={"Host": found.host, **found.by_token})
                assert answer.status_code == 404
    assert inner.heads == []


async def test_a_request_needs_one_host(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        twice = await found.raw(found.raw_head("GET / HTTP/1.1", "Host: evil.example"))
        none = await found.raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert twice.startswith(b"HTTP/1.1 400")
    assert none.startswith(b"HTTP/1.1 400")
    assert inner.heads == []


async def test_refusals_are_plain_pages_that_repeat_nothing(service: Open) -> None:
    async with program() as inner:
        found = await service(inner)
        async with found.browser() as client:
            answer = await client.get(
                "/<script>alert(1)</script>?q=<script>",
                headers={"Host": found.host, "Accept": "text/html,*/*", "X-Evil": "<script>"},
            )
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert "ask for a new address" in answer.text.lower()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["cache-control"] == "no-store"
