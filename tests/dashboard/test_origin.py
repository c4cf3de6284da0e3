"""Who may open a WebSocket at all."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.origin import SameOriginOnly


async def opened(headers: dict[str, str], scheme: str = "ws") -> bool:
    """Whether the socket reaches the application behind the gate."""
    reached = False

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        nonlocal reached
        reached = True

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        assert message["type"] == "websocket.close"

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "websocket", "scheme": scheme, "path": "/", "headers": raw}
    await SameOriginOnly(application)(scope, receive, send)
    return reached


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", "ws"),
        ("localhost:8000", "http://localhost:8000", "ws"),
        ("console.example", "https://console.example", "wss"),
        ("console.example", "https://console.example", "ws"),
        ("console.example", "https://console.example:443", "ws"),
        ("console.example", "http://console.example", "ws"),
    ],
)
async def test_it_works(settings: Any, host: str, origin: str, scheme: str) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "console.example"]
    assert await opened({"host": host, "origin": origin}, scheme)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "https://evil.example"),
        ("127.0.0.1:8000", "http://127.0.0.1:8001"),
        ("127.0.0.1:8000", "http://localhost:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1"),
        ("127.0.0.1:8000", "null"),
        ("127.0.0.1:8000", ""),
        ("127.0.0.1:8000", "file://"),
        ("127.0.0.1:8000", "http://user@127.0.0.1:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000.evil.example"),
        ("127.0.0.1:8000", "http://[::1"),
        ("127.0.0.1:8000", "http://127.0.0.1:99999999"),
        ("evil.example", "http://evil.example"),
    ],
)
async def test_others_are_denied(settings: Any, host: str, origin: str) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    assert not await opened({"host": host, "origin": origin})


async def test_without_an_origin_it_is_no_browser(settings: Any) -> None:
    assert not await opened({"host": "127.0.0.1"})
