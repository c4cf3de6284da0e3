# Generated from tests/client/_async/test_metrics.py by tools/unasync.py: change that file, then run this tool.
"""What sandboxes use and what runs in them, as an synchronous client asks for it and reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    DataplaneNotConfiguredError,
    ExtensionUnsupportedError,
    InvalidResponseError,
    ResourceNotFoundError,
    Sandbox,
    SandboxHeld,
    SandboxNotReadyError,
    SandboxOperationError,
    SandboxUsage,
    ValidationError,
)
from tests.client.fake import Answer

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
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


def box(client: SandboxClient, server: FakeServer, **fields: Any) -> Sandbox:
    server.on("GET", "/boxes/box", server.box(**fields))
    return client.get_sandbox("box")


def test_a_sandbox_with_what_it_uses(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/box", server.box(resources=HELD, usage=USAGE))
    found = sync_client.get_sandbox("box", include="usage")
    assert server.seen[0].query == {"include": ["usage"]}
    assert found.resources == SandboxHeld(500, 100, 200)
    assert found.usage == SandboxUsage("2026-05-04T12:00:00+00:00", 5, 6, None, 7)


def test_a_list_with_what_they_use(sync_client: SandboxClient, server: FakeServer) -> None:
    both = [server.box(resources=HELD, usage=USAGE), server.box(resources=HELD, usage=None)]
    server.on("GET", "/boxes", {"sandboxes": both, "total": 2, "next_cursor": None})
    page = sync_client.list_sandboxes(include="usage", limit=5)
    assert server.seen[0].query == {"include": ["usage"], "limit": ["5"]}
    assert [each.usage is None for each in page] == [False, True]


def test_without_asking_nothing_is_said(sync_client: SandboxClient, server: FakeServer) -> None:
    found = box(sync_client, server)
    assert (found.resources, found.usage) == (None, None)
    assert server.seen[0].query == {}


def test_metrics_of_a_sandbox(sync_client: SandboxClient, server: FakeServer) -> None:
    point = {"at": "t", "cpu_millis": 5, "throttled_seconds": 0.5, "oom_kills": 1, "rx_bytes_per_second": None}
    limits = {**HELD, "pids": None}
    server.on("GET", "/boxes/a%2Fb/metrics", {**SPAN, "limits": limits, "points": [point]})
    start = datetime(2026, 5, 4, 12, tzinfo=UTC)
    found = sync_client.get_sandbox_metrics("a/b", start=start, end="2026-05-04T13:00:00Z", step=10)
    assert server.seen[0].query["to"] == ["2026-05-04T13:00:00Z"]
    assert datetime.fromisoformat(server.seen[0].query["from"][0]) == start
    assert server.seen[0].query["step"] == ["10"]
    assert (found.start, found.end, found.step_seconds, found.limits) == ("a", "b", 10.0, limits)
    (read,) = found.points
    assert (read.cpu_millis, read.throttled_seconds, read.oom_kills) == (5, 0.5, 1)
    assert (read.rx_bytes_per_second, read.memory_bytes) == (None, None)


def test_a_sandbox_asks_by_its_identifier(sync_client: SandboxClient, server: FakeServer) -> None:
    sandbox = box(sync_client, server, id="the-id")
    server.on("GET", "/boxes/the-id/metrics", {**SPAN, "points": []})
    assert (sandbox.metrics()).points == ()


def test_metrics_of_the_workspace(sync_client: SandboxClient, server: FakeServer) -> None:
    points = [{"at": "t", "cpu_millis": None, "memory_bytes": 5, "sandboxes": 2, "warm": 1}]
    server.on("GET", "/metrics", {**SPAN, "points": points})
    (point,) = (sync_client.get_metrics()).points
    assert (point.cpu_millis, point.memory_bytes, point.sandboxes, point.warm) == (None, 5, 2, 1)
    assert server.seen[0].query == {}


def test_processes(sync_client: SandboxClient, server: FakeServer) -> None:
    sandbox = box(sync_client, server)
    server.on("GET", "//box/processes", {"processes": [PROCESS], "truncated": True})
    found = sandbox.processes()
    assert found.truncated
    (process,) = found
    assert (process.pid, process.command, process.threads) == (7, "\x1b[2Jsleep", 2)
    assert (process.state, process.cpu_seconds, process.internal) == ("S", 0.5, False)


def test_ports(sync_client: SandboxClient, server: FakeServer) -> None:
    sandbox = box(sync_client, server)
    ports = [{"port": 80, "address": "::", "pid": 7, "command": "x"}, {"port": 81, "address": "", "pid": None}]
    server.on("GET", "//box/ports", {"ports": ports})
    found = sandbox.ports()
    assert not found.truncated
    assert [(each.port, each.address, each.pid, each.command) for each in found] == [
        (80, "::", 7, "x"),
        (81, "", None, None),
    ]


def test_another_server_has_none_of_it(sync_client: SandboxClient, server: FakeServer) -> None:
    sandbox = box(sync_client, server, id="box")
    for path in ("/metrics", "/boxes/box/metrics", "//box/processes", "//box/ports"):
        server.on("GET", path, Answer(404, {"detail": "Not Found"}))
    for ask in (sync_client.get_metrics, sandbox.metrics, sandbox.processes, sandbox.ports):
        with pytest.raises(ExtensionUnsupportedError):
            ask()


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (404, "SandboxNotFound", ResourceNotFoundError),
        (400, "NotReady", SandboxNotReadyError),
        (400, "ReadError", SandboxOperationError),
    ],
)
def test_refusals(
    sync_client: SandboxClient, server: FakeServer, status: int, kind: str, error: type[Exception]
) -> None:
    sandbox = box(sync_client, server)
    for what, ask in (("processes", sandbox.processes), ("ports", sandbox.ports)):
        server.on("GET", f"//box/{what}", Answer(status, {"detail": {"error": kind, "message": "no"}}))
        with pytest.raises(error):
            ask()


def test_a_step_that_the_server_refuses(sync_client: SandboxClient, server: FakeServer) -> None:
    detail = [{"type": "value_error", "loc": ["query", "step"], "msg": "that is 9000 points"}]
    server.on("GET", "/metrics", Answer(422, {"detail": detail}))
    with pytest.raises(ValidationError, match="9000 points"):
        sync_client.get_metrics(step=1)


def test_one_that_cannot_be_reached(sync_client: SandboxClient, server: FakeServer) -> None:
    sandbox = box(sync_client, server, dataplane_url=None)
    with pytest.raises(DataplaneNotConfiguredError):
        sandbox.processes()


@pytest.mark.parametrize(
    "answer",
    [
        {"processes": [{**PROCESS, "pid": None}]},
        {"processes": [{**PROCESS, "command": 5}]},
        {"processes": "none"},
    ],
)
def test_nonsense_is_told(sync_client: SandboxClient, server: FakeServer, answer: dict[str, Any]) -> None:
    sandbox = box(sync_client, server)
    server.on("GET", "//box/processes", answer)
    with pytest.raises(InvalidResponseError):
        sandbox.processes()
