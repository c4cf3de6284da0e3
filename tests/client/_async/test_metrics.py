"""What sandboxes use and what runs in them, as an asynchronous client asks for it and reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    AsyncSandbox,
    DataplaneNotConfiguredError,
    ExtensionUnsupportedError,
    InvalidResponseError,
    ResourceNotFoundError,
    SandboxHeld,
    SandboxNotReadyError,
    SandboxOperationError,
    SandboxUsage,
    ValidationError,
)
from tests.client.fake import Answer

if TYPE_CHECKING:
    from sandboxcore import AsyncSandboxClient
    from tests.client.fake import FakeServer

USAGE = {"at": "2026-05-04T12:00:00+00:00", "cpu_millis": 5, "memory_bytes": 6, "storage_bytes": None, "pids": 7}
HELD = {"cpu_millis": 500, "memory_bytes": 100, "storage_bytes": 200}
SPAN = {"from": "a", "to": "b", "step_seconds": 10.0}
PROCESS = {
    "pid": 7,
    "ppid": 1,
    "user": "root",
    "state": "S",
    "command": "\x1b[2Jsleep",
    "cpu_seconds": 0.5,
    "memory_bytes": 10,
    "started_at": "2026-05-04T12:00:00+00:00",
    "threads": 2,
    "internal": False,
}


async def box(client: AsyncSandboxClient, server: FakeServer, **fields: Any) -> AsyncSandbox:
    server.on("GET", "/boxes/box", server.box(**fields))
    return await client.get_sandbox("box")


async def test_a_sandbox_with_what_it_uses(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/box", server.box(resources=HELD, usage=USAGE))
    found = await async_client.get_sandbox("box", include="usage")
    assert server.seen[0].query == {"include": ["usage"]}
    assert found.resources == SandboxHeld(500, 100, 200)
    assert found.usage == SandboxUsage("2026-05-04T12:00:00+00:00", 5, 6, None, 7)


async def test_a_list_with_what_they_use(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    both = [server.box(resources=HELD, usage=USAGE), server.box(resources=HELD, usage=None)]
    server.on("GET", "/boxes", {"sandboxes": both, "total": 2, "next_cursor": None})
    page = await async_client.list_sandboxes(include="usage", limit=5)
    assert server.seen[0].query == {"include": ["usage"], "limit": ["5"]}
    assert [each.usage is None for each in page] == [False, True]


async def test_without_asking_nothing_is_said(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    found = await box(async_client, server)
    assert (found.resources, found.usage) == (None, None)
    assert server.seen[0].query == {}


async def test_metrics_of_a_sandbox(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    point = {"at": "t", "cpu_millis": 5, "throttled_seconds": 0.5, "oom_kills": 1, "rx_bytes_per_second": None}
    limits = {**HELD, "pids": None}
    server.on("GET", "/boxes/a%2Fb/metrics", {**SPAN, "limits": limits, "points": [point]})
    start = datetime(2026, 5, 4, 12, tzinfo=UTC)
    found = await async_client.get_sandbox_metrics("a/b", start=start, end="2026-05-04T13:00:00Z", step=10)
    assert server.seen[0].query["to"] == ["2026-05-04T13:00:00Z"]
    assert datetime.fromisoformat(server.seen[0].query["from"][0]) == start
    assert server.seen[0].query["step"] == ["10"]
    assert (found.start, found.end, found.step_seconds, found.limits) == ("a", "b", 10.0, limits)
    (read,) = found.points
    assert (read.cpu_millis, read.throttled_seconds, read.oom_kills) == (5, 0.5, 1)
    assert (read.rx_bytes_per_second, read.memory_bytes) == (None, None)


async def test_a_sandbox_asks_by_its_identifier(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    sandbox = await box(async_client, server, id="the-id")
    server.on("GET", "/boxes/the-id/metrics", {**SPAN, "points": []})
    assert (await sandbox.metrics()).points == ()


async def test_metrics_of_the_workspace(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    points = [{"at": "t", "cpu_millis": None, "memory_bytes": 5, "sandboxes": 2, "warm": 1}]
    server.on("GET", "/metrics", {**SPAN, "points": points})
    (point,) = (await async_client.get_metrics()).points
    assert (point.cpu_millis, point.memory_bytes, point.sandboxes, point.warm) == (None, 5, 2, 1)
    assert server.seen[0].query == {}


async def test_processes(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    sandbox = await box(async_client, server)
    server.on("GET", "//box/processes", {"processes": [PROCESS], "truncated": True})
    found = await sandbox.processes()
    assert found.truncated
    (process,) = found
    assert (process.pid, process.command, process.threads) == (7, "\x1b[2Jsleep", 2)
    assert (process.state, process.cpu_seconds, process.internal) == ("S", 0.5, False)


async def test_ports(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    sandbox = await box(async_client, server)
    ports = [{"port": 80, "address": "::", "pid": 7, "command": "x"}, {"port": 81, "address": "", "pid": None}]
    server.on("GET", "//box/ports", {"ports": ports})
    found = await sandbox.ports()
    assert not found.truncated
    assert [(each.port, each.address, each.pid, each.command) for each in found] == [
        (80, "::", 7, "x"),
        (81, "", None, None),
    ]


async def test_another_server_has_none_of_it(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    sandbox = await box(async_client, server, id="box")
    for path in ("/metrics", "/boxes/box/metrics", "//box/processes", "//box/ports"):
        server.on("GET", path, Answer(404, {"detail": "Not Found"}))
    for ask in (async_client.get_metrics, sandbox.metrics, sandbox.processes, sandbox.ports):
        with pytest.raises(ExtensionUnsupportedError):
            await ask()


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (404, "SandboxNotFound", ResourceNotFoundError),
        (400, "NotReady", SandboxNotReadyError),
        (400, "ReadError", SandboxOperationError),
    ],
)
async def test_refusals(
    async_client: AsyncSandboxClient, server: FakeServer, status: int, kind: str, error: type[Exception]
) -> None:
    sandbox = await box(async_client, server)
    for what, ask in (("processes", sandbox.processes), ("ports", sandbox.ports)):
        server.on("GET", f"//box/{what}", Answer(status, {"detail": {"error": kind, "message": "no"}}))
        with pytest.raises(error):
            await ask()


async def test_a_step_that_the_server_refuses(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    detail = [{"type": "value_error", "loc": ["query", "step"], "msg": "that is 9000 points"}]
    server.on("GET", "/metrics", Answer(422, {"detail": detail}))
    with pytest.raises(ValidationError, match="9000 points"):
        await async_client.get_metrics(step=1)


async def test_one_that_cannot_be_reached(async_client: AsyncSandboxClient, server: FakeServer) -> None:
    sandbox = await box(async_client, server, dataplane_url=None)
    with pytest.raises(DataplaneNotConfiguredError):
        await sandbox.processes()


@pytest.mark.parametrize(
    "answer",
    [
        {"processes": [{**PROCESS, "pid": None}]},
        {"processes": [{**PROCESS, "command": 5}]},
        {"processes": "none"},
    ],
)
async def test_nonsense_is_told(async_client: AsyncSandboxClient, server: FakeServer, answer: dict[str, Any]) -> None:
    sandbox = await box(async_client, server)
    server.on("GET", "//box/processes", answer)
    with pytest.raises(InvalidResponseError):
        await sandbox.processes()
