# Generated from tests/client/_async/test_journal.py by tools/unasync.py: change that file, then run this tool.
"""Commands and timelines of sandboxes, as an synchronous client asks for them and reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    ExtensionUnsupportedError,
    InvalidResponseError,
    ResourceNotFoundError,
    SandboxOperationError,
    ValidationError,
)
from tests.client.fake import BOX, Answer

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.client.fake import FakeServer

COMMAND = {
    "id": "c",
    "command": "make test",
    "command_cut": False,
    "cwd": "/srv",
    "env_names": ["TOKEN"],
    "pty": False,
    "origin": "stream",
    "actor": "Ann",
    "status": "exited",
    "exit_code": 2,
    "error": None,
    "started_at": "2026-05-04T12:00:00+00:00",
    "ended_at": "2026-05-04T12:00:01+00:00",
    "seconds": 1.0,
    "stdout_bytes": 5,
    "stderr_bytes": 0,
    "output": "kept",
}
ENTRY = {"at": "2026-05-04T12:00:00+00:00", "kind": "file.written", "actor": "Ann", "id": "i", "summary": {"count": 3}}


def refusal(status: int, kind: str) -> Answer:
    return Answer(status, {"detail": {"error": kind, "message": "no"}})


def test_commands(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/a%2Fb/commands", {"commands": [COMMAND], "total": 7, "next_cursor": "n"})
    moment = datetime(2026, 5, 4, 12, tzinfo=UTC)
    page = sync_client.list_commands("a/b", limit=1, status=["exited", "killed"], origin="http", started_after=moment)
    assert server.seen[0].query == {
        "limit": ["1"],
        "status": ["exited", "killed"],
        "origin": ["http"],
        "started_after": ["2026-05-04T12:00:00+00:00"],
    }
    (command,) = page
    assert (command.id, command.command, command.status, command.exit_code) == ("c", "make test", "exited", 2)
    assert (command.env_names, command.seconds, command.output) == (("TOKEN",), 1.0, "kept")
    assert (page.total, page.next_cursor) == (7, "n")


def test_every_command(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/box/commands", {"commands": [COMMAND], "next_cursor": "n"})
    server.on("GET", "/boxes/box/commands", {"commands": [{**COMMAND, "id": "d"}], "next_cursor": None})
    found = [command.id for command in sync_client.iter_commands("box", page_size=1, q="make")]
    assert found == ["c", "d"]
    assert server.seen[1].query["cursor"] == ["n"]


def test_one_command(sync_client: SandboxClient, server: FakeServer) -> None:
    running = {**COMMAND, "status": "running", "exit_code": None, "ended_at": None, "seconds": None, "output": "live"}
    server.on("GET", "/boxes/box/commands/c", running)
    command = sync_client.get_command("box", "c")
    assert (command.status, command.exit_code, command.ended_at, command.seconds) == ("running", None, None, None)


@pytest.mark.parametrize("body", [{}, {**COMMAND, "id": None}, {**COMMAND, "seconds": "long"}, []])
def test_a_command_that_makes_no_sense(sync_client: SandboxClient, server: FakeServer, body: Any) -> None:
    server.on("GET", "/boxes/box/commands/c", Answer(200, body))
    with pytest.raises(InvalidResponseError):
        sync_client.get_command("box", "c")


def test_kill(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("POST", "/boxes/box/commands/c/kill", Answer(204))
    sync_client.kill_command("box", "c")
    server.on("POST", "/boxes/box/commands/over/kill", refusal(409, "NotRunning"))
    with pytest.raises(SandboxOperationError) as caught:
        sync_client.kill_command("box", "over")
    assert caught.value.error_type == "NotRunning"
    server.on("POST", "/boxes/box/commands/none/kill", refusal(404, "CommandNotFound"))
    with pytest.raises(ResourceNotFoundError):
        sync_client.kill_command("box", "none")


def test_timeline(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/box/timeline", {"entries": [ENTRY], "next_before": "p"})
    found = sync_client.get_timeline("box", limit=1, before="q")
    assert server.seen[0].query == {"limit": ["1"], "before": ["q"]}
    (entry,) = found
    assert (entry.kind, entry.actor, entry.id, entry.summary) == ("file.written", "Ann", "i", {"count": 3})
    assert found.next_before == "p"


def test_a_sandbox_knows_its_own(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/box", BOX)
    server.on("GET", "/boxes/1/commands", {"commands": [COMMAND], "next_cursor": None})
    server.on("GET", "/boxes/1/timeline", {"entries": [ENTRY], "next_before": None})
    sandbox = sync_client.get_sandbox("box")
    assert [command.id for command in sandbox.commands(status="exited")] == ["c"]
    assert [entry.kind for entry in sandbox.timeline(limit=5)] == ["file.written"]


def test_a_server_without_them(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes/box/commands", Answer(404, {"detail": "Not Found"}))
    with pytest.raises(ExtensionUnsupportedError):
        sync_client.list_commands("box")
    server.on("GET", "/boxes/none/timeline", refusal(404, "SandboxNotFound"))
    with pytest.raises(ResourceNotFoundError):
        sync_client.get_timeline("none")
    server.on("GET", "/boxes/box/timeline", Answer(422, {"detail": [{"type": "t", "loc": ["query"], "msg": "no"}]}))
    with pytest.raises(ValidationError):
        sync_client.get_timeline("box", before="x")
