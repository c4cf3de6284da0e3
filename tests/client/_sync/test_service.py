# Generated from tests/client/_async/test_service.py by tools/unasync.py: change that file, then run this tool.
"""Service URLs: asked for, renewed in time, and a token that goes nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    InvalidResponseError,
    QuotaExceededError,
    ResourceNotFoundError,
    Sandbox,
    SandboxNotReadyError,
    ValidationError,
)
from sandboxcore.protocol import services
from tests.client.fake import Answer

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.client.fake import FakeServer

ASK = "/boxes/box/service-url"
HEADER = services.TOKEN_HEADER.lower()


def addresses(server: FakeServer, token: str) -> dict[str, Any]:
    return {
        "browser_url": f"http://label.localhost:1/?t={token}",
        "service_url": f"{server.url}/label/",
        "token": token,
        "expires_at": "2026-01-01T00:00:00+00:00",
    }


def box(server: FakeServer, client: SandboxClient) -> Sandbox:
    return Sandbox.from_dict(server.box(), client, auto_delete=False)


def test_it_works(server: FakeServer, sync_client: SandboxClient) -> None:
    server.on("POST", ASK, addresses(server, "one"))
    service = box(server, sync_client).service(3000, expires_in_seconds=120)
    assert server.seen[-1].json == {"port": 3000, "expires_in_seconds": 120}
    assert service.get_token() == service.token == "one"
    assert service.get_service_url() == service.service_url == f"{server.url}/label/"
    assert service.get_browser_url() == service.browser_url == "http://label.localhost:1/?t=one"
    assert service.get_expires_at() == service.expires_at == "2026-01-01T00:00:00+00:00"
    assert len(server.requests("POST", ASK)) == 1
    assert "one" not in repr(service)


def test_requests_carry_the_token_and_give_any_answer(server: FakeServer, sync_client: SandboxClient) -> None:
    server.on("POST", ASK, addresses(server, "one"))
    service = sync_client.service("box", 3000)
    for name in ("get", "post", "put", "patch", "delete"):
        server.on(name.upper(), "//label/api/x", Answer(404, {"made": name}))
        answer = getattr(service, name)("/api/x", params={"a": "1"}, headers={"X-Mine": "kept"})
        assert (answer.status_code, answer.json()) == (404, {"made": name})
        seen = server.seen[-1]
        assert (seen.method, seen.query, seen.headers["x-mine"]) == (name.upper(), {"a": ["1"]}, "kept")
        assert seen.headers[HEADER] == "one"
        assert "x-api-key" not in seen.headers


def test_the_token_does_not_follow_a_redirection_away(server: FakeServer, sync_client: SandboxClient) -> None:
    server.on("POST", ASK, addresses(server, "one"))
    server.on("GET", "//label/near", Answer(302, None, {"location": "/label/there"}))
    server.on("GET", "//label/there", Answer(302, None, {"location": "/label2/elsewhere"}))
    server.on("GET", "//label2/elsewhere", {"here": True})
    service = sync_client.service("box", 3000)
    answer = service.get("near", follow_redirects=True)
    assert answer.json() == {"here": True}
    assert [seen.headers.get(HEADER) for seen in server.seen[-3:]] == ["one", "one", None]


def test_the_token_is_exchanged_before_it_ends(
    server: FakeServer, sync_client: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: moment)
    server.on("POST", ASK, addresses(server, "one"), addresses(server, "two"), addresses(server, "three"))
    server.on("GET", "//label/", {})
    service = sync_client.service("box", 3000, expires_in_seconds=600)
    moment += 569
    assert service.get_token() == "one"
    moment += 1
    service.get()
    assert server.seen[-1].headers[HEADER] == "two"
    assert service.get_browser_url() == "http://label.localhost:1/?t=two"
    assert len(server.requests("POST", ASK)) == 2


def test_a_short_token_is_used_for_most_of_its_life(
    server: FakeServer, sync_client: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: moment)
    server.on("POST", ASK, addresses(server, "one"), addresses(server, "two"))
    service = sync_client.service("box", 3000, expires_in_seconds=10)
    moment += 7.9
    assert service.get_token() == "one"
    moment += 0.2
    assert service.get_token() == "two"


@pytest.mark.parametrize(("port", "seconds"), [(0, 60), (65536, 60), (True, 60), (80, 0), (80, 86401), (80, 1.5)])
def test_what_no_server_takes_is_not_sent(
    server: FakeServer, sync_client: SandboxClient, port: int, seconds: int
) -> None:
    with pytest.raises(ValueError, match="whole number"):
        sync_client.service("box", port, expires_in_seconds=seconds)
    assert server.seen == []


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "NotReady", SandboxNotReadyError),
        (404, "SandboxNotFound", ResourceNotFoundError),
        (422, "ValidationError", ValidationError),
        (429, "TooManyRequests", QuotaExceededError),
    ],
)
def test_refusals(
    server: FakeServer, sync_client: SandboxClient, status: int, kind: str, error: type[Exception]
) -> None:
    body = {"detail": {"error": kind, "message": "because"}}
    server.on("POST", ASK, Answer(status, body, {"retry-after": "0"}))
    with pytest.raises(error):
        sync_client.service("box", 3000)


def test_an_answer_that_makes_no_sense(server: FakeServer, sync_client: SandboxClient) -> None:
    server.on("POST", ASK, {"token": 7})
    with pytest.raises(InvalidResponseError):
        sync_client.service("box", 3000)
