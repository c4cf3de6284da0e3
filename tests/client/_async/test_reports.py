"""Events, history, limits and usage, as an asynchronous client asks for them and reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    ExtensionUnsupportedError,
    InvalidResponseError,
    PoolClaim,
    ResourceNotFoundError,
    ValidationError,
)
from tests.client.fake import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandboxcore import AsyncSandboxClient
    from tests.client.fake import FakeServer

EVENT = {
    "number": 7,
    "at": "2026-05-04T12:00:00+00:00",
    "type": "sandbox.ready",
    "actor": "Ann",
    "subject": {"kind": "sandbox", "id": "i", "name": "box"},
    "data": {"template": "t"},
}
PAST = {"id": "i", "name": "box", "template_name": "t", "status": "ended", "ended_by": "Ann", "stop_reason": "deleted"}
HELD = {
    name: {"limit": None, "held": 1} for name in ("cpu_millis", "memory_bytes", "storage_bytes", "volumes", "pools")
}


async def test_events(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", "/events", {"events": [EVENT], "next_after": 7, "oldest": 2, "newest": 9})
    page = await async_client.list_events(after=6, limit=1, newest_first=True, subject="box", types=["sandbox"])
    assert server.seen[0].query == {
        "after": ["6"],
        "limit": ["1"],
        "order": ["desc"],
        "subject": ["box"],
        "type": ["sandbox"],
    }
    (event,) = page
    assert (event.number, event.type, event.actor, event.subject_name) == (7, "sandbox.ready", "Ann", "box")
    assert (page.next_after, page.oldest, page.newest) == (7, 2, 9)
    await async_client.list_events()
    assert server.seen[1].query == {}


async def test_events_of_a_sandbox(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/a%2Fb/events", {"events": [EVENT], "next_after": None})
    page = await async_client.list_sandbox_events("a/b", after=1)
    assert [event.number for event in page] == [7]
    assert (page.next_after, page.oldest) == (None, None)


async def test_history(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", "/history", {"sandboxes": [PAST], "total": 2, "next_cursor": "c"})
    page = await async_client.list_history(limit=1, template=["t", "u"], stop_reason="expired")
    assert (page.total, page.next_cursor, page[0].status, page[0].ended_by) == (2, "c", "ended", "Ann")
    assert server.seen[0].query == {"limit": ["1"], "template": ["t", "u"], "stop_reason": ["expired"]}


async def test_the_history_of_one_sandbox(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", "/history/i", {**PAST, "events": [EVENT], "next_after": None})
    found = await async_client.get_history("i")
    assert (found.name, found.stop_reason, found.events[0].number) == ("box", "deleted", 7)


async def test_the_claims_of_a_pool(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    claims = [
        {"at": "b", "hit": True, "ms": 5.5, "reason": None},
        {"at": "a", "hit": False, "ms": None, "reason": "empty"},
    ]
    server.on("GET", "/pools/p/claims", {"claims": claims})
    assert await async_client.list_pool_claims("p", limit=2) == [
        PoolClaim("b", hit=True, ms=5.5),
        PoolClaim("a", hit=False, reason="empty"),
    ]
    assert server.seen[0].query == {"limit": ["2"]}


async def test_limits(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    lifetimes = {"max_ttl_seconds": None, "default_ttl_seconds": 600, "default_idle_ttl_seconds": 0}
    server.on("GET", "/limits", {**HELD, "sandboxes": {"limit": 5, "held": 2}, "lifetimes": lifetimes})
    limits = await async_client.get_limits()
    assert (limits.sandboxes.limit, limits.sandboxes.held, limits.volumes.limit) == (5, 2, None)
    assert (limits.max_ttl_seconds, limits.default_ttl_seconds) == (None, 600)


async def test_usage(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    row = {"from": "a", "to": "b", "group": None, "sandbox_seconds": 1.5, "cpu_seconds": 1, "sandboxes_started": 3}
    server.on("GET", "/usage", {"from": "a", "to": "c", "step": "hour", "by": "none", "usage": [row]})
    usage = await async_client.get_usage(start=datetime(2026, 1, 1, tzinfo=UTC), end="2026-01-02", step="hour")
    assert (usage.start, usage.end, usage.step, usage.by) == ("a", "c", "hour", "none")
    assert (usage.rows[0].sandbox_seconds, usage.rows[0].cpu_seconds, usage.rows[0].cpu_used_seconds) == (1.5, 1.0, 0.0)
    assert usage.rows[0].sandboxes_started == 3
    query = server.seen[0].query
    assert datetime.fromisoformat(query.pop("from")[0]) == datetime(2026, 1, 1, tzinfo=UTC)
    assert query == {"to": ["2026-01-02"], "step": ["hour"], "by": ["none"]}


CALLS: list[tuple[str, str, Callable[[Any], Awaitable[object]]]] = [
    ("events", "/events", lambda client: client.list_events()),
    ("events", "/boxes/box/events", lambda client: client.list_sandbox_events("box")),
    ("history", "/history", lambda client: client.list_history()),
    ("history", "/history/i", lambda client: client.get_history("i")),
    ("limits", "/limits", lambda client: client.get_limits()),
    ("usage", "/usage", lambda client: client.get_usage()),
    ("pool claims", "/pools/p/claims", lambda client: client.list_pool_claims("p")),
]


@pytest.mark.parametrize(("extension", "path", "call"), CALLS)
@pytest.mark.parametrize("detail", ["Not Found", {"error": "NotFound", "message": "there is no such address"}])
async def test_a_server_without_the_extension_is_named(
    async_client: AsyncSandboxClient, server: FakeServer, extension: str, path: str, call: Any, detail: Any
) -> None:
    server.on("GET", path, Answer(404, {"detail": detail}))
    with pytest.raises(ExtensionUnsupportedError, match=f"the server has no {extension}") as caught:
        await call(async_client)
    assert caught.value.extension == extension


@pytest.mark.parametrize(("path", "call"), [CALLS[1][1:], CALLS[3][1:]])
async def test_a_sandbox_that_is_not_there_is_something_else(
    async_client: AsyncSandboxClient, server: FakeServer, path: str, call: Any
) -> None:
    server.on("GET", path, Answer(404, {"detail": {"error": "SandboxNotFound", "message": "there is no sandbox"}}))
    with pytest.raises(ResourceNotFoundError) as caught:
        await call(async_client)
    assert caught.value.resource_type == "sandbox"


async def test_a_refused_value_is_named(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    detail = [{"type": "value_error", "loc": ["query", "from"], "msg": "no moment"}]
    server.on("GET", "/usage", Answer(422, {"detail": detail}))
    with pytest.raises(ValidationError, match="no moment") as caught:
        await async_client.get_usage(start="yesterday")
    assert caught.value.field == "from"


@pytest.mark.parametrize(
    ("path", "answer", "call"),
    [
        ("/events", {"events": [{"type": "x"}]}, CALLS[0][2]),
        ("/history/i", {**PAST, "id": 5}, CALLS[3][2]),
        ("/limits", {"sandboxes": 5}, CALLS[4][2]),
        ("/usage", {"usage": [{"cpu_seconds": "much"}]}, CALLS[5][2]),
    ],
)
async def test_an_answer_that_makes_no_sense_is_refused(
    async_client: AsyncSandboxClient, server: FakeServer, path: str, answer: Any, call: Any
) -> None:
    server.on("GET", path, answer)
    with pytest.raises(InvalidResponseError):
        await call(async_client)
