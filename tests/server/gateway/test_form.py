"""What a request may look like, whatever the server's own parser lets through."""

from __future__ import annotations

from typing import Any

import pytest

from sandboxcore.server.config import Settings
from sandboxcore.server.gateway.addresses import Addresses
from sandboxcore.server.gateway.entrance import admit
from sandboxcore.server.gateway.refusals import Refusal

HOST = (b"host", b"3000-" + b"0123456789abcdef" * 2 + b".localhost:8002")


async def refused(*headers: tuple[bytes, bytes], method: str = "POST", path: bytes = b"/", query: bytes = b"") -> int:
    scope: Any = {
        "type": "http",
        "method": method,
        "raw_path": path,
        "query_string": query,
        "headers": [HOST, *headers],
    }
    with pytest.raises(Refusal) as found:
        await admit(scope, Addresses(Settings()), None)  # type: ignore[arg-type]  # no token is looked up
    return found.value.status


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"4"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"4"), (b"content-length", b"4")],
        [HOST],
    ],
)
async def test_what_could_be_read_in_two_ways(headers: list[tuple[bytes, bytes]]) -> None:
    assert await refused(*headers) == 400


async def test_an_address_without_a_path() -> None:
    assert await refused(path=b"*", method="OPTIONS") == 400
    assert await refused(path=b"", method="OPTIONS") == 400


async def test_an_address_that_is_too_long() -> None:
    assert await refused(path=b"/" + b"x" * 20_000, query=b"x" * 20_000) == 400


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_methods_that_do_not_pass(method: str) -> None:
    assert await refused(method=method) == 405


async def test_all_else_needs_a_token() -> None:
    assert await refused((b"content-length", b"4"), query=b"x") == 401
