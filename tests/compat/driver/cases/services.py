"""Addresses of HTTP services inside a sandbox."""

from __future__ import annotations

import http.cookiejar
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.compat.driver.kit import PATIENCE, each, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.compat.driver.kit import Kit

_PORT = 7010
_TOKEN_HEADER = "X-Langsmith-Sandbox-Service-Token"
_SERVER = f"""
import http.server, json
class Mirror(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = json.dumps({{
            "method": self.command, "path": self.path, "body": body.decode("latin-1"),
            "headers": {{name.lower(): value for name, value in self.headers.items()}},
        }}).encode()
        self.send_response(418 if self.path == "/teapot" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", {_PORT}), Mirror)
print("ready", flush=True)
server.serve_forever()
"""


@asynccontextmanager
async def _mirror(box: Any) -> AsyncIterator[None]:
    """A service inside that answers with what it was asked."""
    await settle(box.write("/tmp/mirror.py", _SERVER))
    handle = await settle(box.run("exec python3 /tmp/mirror.py", timeout=0, wait=False))
    chunks = each(handle)
    assert (await anext(chunks)).data == "ready\n"
    try:
        yield
    finally:
        await settle(handle.kill())


@contextmanager
def _names_as_browsers_know_them() -> Iterator[None]:
    """Every name below ``localhost`` is this machine to a browser (RFC 6761); to many resolvers it is nothing."""
    resolve = socket.getaddrinfo

    def local(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **options)

    socket.getaddrinfo = local
    try:
        yield
    finally:
        socket.getaddrinfo = resolve


def _status(address: str, **headers: str) -> int:
    """The status that a program without the client gets."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=PATIENCE) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@case(
    "service",
    "Sandbox.service",
    "ServiceURL.get",
    "ServiceURL.post",
    "ServiceURL.put",
    "ServiceURL.patch",
    "ServiceURL.delete",
    "ServiceURL.request",
)
async def every_method_reaches_the_service(kit: Kit) -> None:
    box = await kit.sandbox()
    async with _mirror(box):
        service = await settle(box.service(_PORT))
        got = (await settle(service.get("/a/b?c=d%20e&f", headers={"X-Mine": "1"}))).json()
        assert (got["method"], got["path"], got["headers"]["x-mine"]) == ("GET", "/a/b?c=d%20e&f", "1")
        assert _TOKEN_HEADER.lower() not in got["headers"], "the service must not learn the token"
        assert "x-api-key" not in got["headers"]
        data = bytes(range(256)) * 400
        posted = (await settle(service.post("/up", content=data))).json()
        assert (posted["method"], posted["body"].encode("latin-1")) == ("POST", data)
        assert (await settle(service.put("x", json={"a": 1}))).json()["method"] == "PUT"
        assert (await settle(service.patch("/x", content=b""))).json()["method"] == "PATCH"
        assert (await settle(service.delete("/x"))).json()["method"] == "DELETE"
        answer = await settle(service.request("GET", "/teapot"))
        assert (answer.status_code, answer.headers["content-type"]) == (418, "application/json")


@case("service", "SandboxClient.service", "ServiceURL.from_dict")
async def the_token_opens_one_door(kit: Kit) -> None:
    box = await kit.sandbox()
    async with _mirror(box):
        service = await settle(kit.client.service(box.name, _PORT, expires_in_seconds=300))
        address, token = service.service_url, service.token
        assert _status(address) in (401, 403)
        assert _status(address, **{_TOKEN_HEADER: token + "x"}) in (401, 403)
        assert _status(address, **{_TOKEN_HEADER: token}) == 200
        other = await settle(kit.client.service(box.name, _PORT + 1))
        assert _status(address, **{_TOKEN_HEADER: other.token}) in (401, 403)
        made = kit.record("ServiceURL").from_dict(
            {
                "browser_url": service.browser_url,
                "service_url": address,
                "token": token,
                "expires_at": "2100-01-01T00:00:00Z",
            }
        )
        assert (await settle(made.get("/direct"))).json()["path"] == "/direct"


@case("service", "ServiceURL.browser_url")
async def a_browser_gets_a_cookie(kit: Kit) -> None:
    box = await kit.sandbox()
    async with _mirror(box):
        service = await settle(box.service(_PORT))
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser = urllib.request.build_opener(cookies)
        with _names_as_browsers_know_them():
            with browser.open(service.browser_url, timeout=PATIENCE) as page:
                assert json.load(page)["method"] == "GET"
            assert service.token not in page.url
            with browser.open(urllib.parse.urljoin(page.url, "/next"), timeout=PATIENCE) as page:
                seen = json.load(page)
        assert seen["path"] == "/next"
        assert service.token not in json.dumps(seen), "the service must not learn the token"


@case("service", "ServiceURL.token", "ServiceURL.service_url", "ServiceURL.expires_at")
async def a_token_says_when_it_ends(kit: Kit) -> None:
    box = await kit.sandbox()
    service = await settle(box.service(_PORT, expires_in_seconds=600))
    assert service.token
    assert service.service_url.startswith("http")
    ends = datetime.fromisoformat(service.expires_at)
    assert 590 < (ends - datetime.now(UTC)).total_seconds() <= 601


@case(
    "service",
    "ServiceURL.get_token",
    "ServiceURL.get_service_url",
    "ServiceURL.get_browser_url",
    "ServiceURL.get_expires_at",
)
async def the_asynchronous_getters_agree(kit: Kit) -> None:
    box = await kit.sandbox()
    service = await settle(box.service(_PORT))
    assert await service.get_token() == service.token
    assert await service.get_service_url() == service.service_url
    assert await service.get_browser_url() == service.browser_url
    assert await service.get_expires_at() == service.expires_at


@case("service", "ServiceURL.get", "Sandbox.service")
async def a_token_near_its_end_is_renewed(kit: Kit) -> None:
    box = await kit.sandbox()
    async with _mirror(box):
        # The client renews what has half a minute left or less, which is here always.
        service = await settle(box.service(_PORT, expires_in_seconds=1))
        for number in range(3):
            assert (await settle(service.get(f"/{number}"))).json()["path"] == f"/{number}"


@case("service", "Sandbox.service", "SandboxClient.service")
async def a_bad_service_is_refused(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("ValueError"):
        await settle(box.service(0))
    with kit.raises("ValueError"):
        await settle(kit.client.service(box.name, _PORT, expires_in_seconds=86401))
    with kit.raises("ValidationError", field="port"):
        await settle(box.service(65536))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.service(kit.name("s"), _PORT))
