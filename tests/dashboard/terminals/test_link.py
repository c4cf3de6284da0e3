"""How a shell is started and attached to, and what its page is told when that fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from dashboard.sockets import CloseCode, Closing
from dashboard.teams.server import ServerState
from dashboard.terminals import link
from dashboard.terminals.access import Grant
from dashboard.terminals.events import Ended, Lost, Modes, Output, Skipped, Taken
from dashboard.terminals.link import open_terminal
from dashboard.terminals.protocol import Open, Size
from sandboxcore import (
    ExecutionResult,
    Gap,
    InputTaken,
    OutputChunk,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxConnectionError,
    SandboxOperationError,
    ServerCapabilities,
    TerminalModes,
)
from sandboxcore import Skipped as SkippedChunk
from tests.dashboard.terminals.conftest import SANDBOX_ID

if TYPE_CHECKING:
    from dashboard.terminals.models import TerminalSession
    from tests.dashboard.conftest import Cast

pytestmark = pytest.mark.django_db(transaction=True)
OPENING = Open("client-one", 77, Size(30, 90))


@dataclass
class FakeHandle:
    """Stands for the client's handle of one command."""

    events: list[OutputChunk | Gap | Exception] = field(default_factory=list)
    closed: bool = False
    typed: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    numbered: list[tuple[str, int]] = field(default_factory=list)
    kept: int | None = None
    pid: int | None = 42

    async def __anext__(self) -> OutputChunk | Gap:
        if not self.events:
            raise StopAsyncIteration
        event = self.events.pop(0)
        if isinstance(event, Exception):
            raise event
        return event

    @property
    async def result(self) -> ExecutionResult:
        return ExecutionResult("", "", 130)

    async def send_input(self, data: str) -> None:
        self.typed.append(data)

    async def resize(self, rows: int, cols: int) -> None:
        self.sizes.append((rows, cols))

    async def type(self, data: str, offset: int) -> None:
        self.numbered.append((data, offset))

    async def skip(self, keep: int) -> None:
        self.kept = keep

    async def close(self) -> None:
        self.closed = True


@dataclass
class FakeSandbox:
    """Stands for the client and its sandbox."""

    id: str = SANDBOX_ID
    fail: Exception | None = None
    handle: FakeHandle = field(default_factory=FakeHandle)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    async def get_sandbox(self, name: str) -> FakeSandbox:
        assert name == "box"
        if self.fail:
            raise self.fail
        return self

    async def run(self, *args: Any, **options: Any) -> FakeHandle:
        self.calls.append(("run", args, options))
        return self.handle

    async def reconnect(self, *args: Any, **options: Any) -> FakeHandle:
        self.calls.append(("reconnect", args, options))
        return self.handle


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> FakeSandbox:
    sandbox = FakeSandbox()
    monkeypatch.setattr(link, "client_for", lambda *_: sandbox)
    return sandbox


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> list[ServerState]:
    """What the server says of itself: nothing, as one of another make, unless a test appends to this."""
    states = [ServerState(None)]
    monkeypatch.setattr(link, "_NUMBERING", set())

    async def server_state(*_: object) -> ServerState:
        return states[-1]

    monkeypatch.setattr(link, "server_state", server_state)
    return states


def granted(cast: Cast, shell: TerminalSession, *, may_type: bool = True) -> Grant:
    return Grant(cast.team, cast.owner, shell, "box", person="user:1", name="owner", may_type=may_type)


@pytest.fixture
def grant(cast: Cast, shell: TerminalSession) -> Grant:
    return granted(cast, shell)


@pytest.fixture
def started(grant: Grant) -> Grant:
    grant.session.started_at = timezone.now()
    return grant


async def test_a_new_shell_is_started_with_the_sessions_id_and_the_pages_size(
    sandbox: FakeSandbox, grant: Grant
) -> None:
    async with open_terminal(grant, OPENING):
        assert not sandbox.handle.closed
    ((call, (command,), options),) = sandbox.calls
    assert call == "run"
    assert command.endswith('exec "$SHELL" -l')
    assert options["command_id"] == str(grant.session.id)
    assert (options["pty"], options["rows"], options["cols"]) == (True, 30, 90)
    assert (options["timeout"], options["idle_timeout"], options["wait"]) == (0, -1, False)
    assert options["env"]["TERM"] == "xterm-256color"
    assert options["shell"] == "/bin/sh", "an image may have no bash"
    assert sandbox.handle.closed
    await grant.session.arefresh_from_db()
    assert grant.session.started_at is not None
    assert grant.session.pid == 42


async def test_a_started_shell_is_attached_to_where_the_page_is(sandbox: FakeSandbox, started: Grant) -> None:
    async with open_terminal(started, OPENING):
        pass
    ((call, arguments, options),) = sandbox.calls
    assert (call, arguments) == ("reconnect", (str(started.session.id),))
    assert (options["stdout_offset"], options["gaps"], options["modes"], options["collect"]) == (77, True, True, False)
    assert (options["window"], options["source"]) == (link.WINDOW, "")


async def test_who_may_only_look_starts_nothing(sandbox: FakeSandbox, grant: Grant, cast: Cast) -> None:
    viewer = granted(cast, grant.session, may_type=False)
    with pytest.raises(Closing) as refused:
        async with open_terminal(viewer, OPENING):
            pass
    assert refused.value.code == CloseCode.NOT_ALLOWED
    assert not sandbox.calls


async def test_another_sandbox_of_the_name_is_not_the_shells(sandbox: FakeSandbox, grant: Grant) -> None:
    sandbox.id = "another"
    with pytest.raises(Closing) as refused:
        async with open_terminal(grant, OPENING):
            pass
    assert refused.value.code == CloseCode.GONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ResourceNotFoundError("no such sandbox"), CloseCode.GONE),
        (SandboxAuthenticationError("wrong key"), CloseCode.NOT_ALLOWED),
        (SandboxConnectionError("refused"), CloseCode.UNREACHABLE),
    ],
)
async def test_the_clients_errors_have_close_codes(
    sandbox: FakeSandbox, grant: Grant, error: Exception, code: CloseCode
) -> None:
    sandbox.fail = error
    with pytest.raises(Closing) as refused:
        async with open_terminal(grant, OPENING):
            pass
    assert refused.value.code == code


async def test_what_the_shell_does_arrives_as_events(sandbox: FakeSandbox, started: Grant) -> None:
    sandbox.handle.events = [Gap("stdout", 77, 100), OutputChunk("stdout", "é", 100)]
    async with open_terminal(started, OPENING) as terminal:
        assert await terminal.next() == Lost(77, 100)
        assert await terminal.next() == Output(100, "é".encode())
        assert await terminal.next() == Ended(130)


@pytest.mark.parametrize("word", ["CommandNotFound", "SessionExpired"])
async def test_a_shell_that_the_sandbox_forgot_has_ended(sandbox: FakeSandbox, started: Grant, word: str) -> None:
    sandbox.handle.events = [SandboxOperationError("no such command", error_type=word)]
    async with open_terminal(started, OPENING) as terminal:
        ended = await terminal.next()
    assert isinstance(ended, Ended)
    assert ended.exit_code is None
    assert "no longer kept" in ended.reason


async def test_a_sandbox_deleted_meanwhile_is_noticed(sandbox: FakeSandbox, started: Grant) -> None:
    async with open_terminal(started, OPENING) as terminal:
        await terminal.check_sandbox()
        sandbox.fail = ResourceNotFoundError("no such sandbox")
        with pytest.raises(Closing) as gone:
            await terminal.check_sandbox()
    assert gone.value.code == CloseCode.GONE


async def test_a_lost_server_closes(sandbox: FakeSandbox, started: Grant) -> None:
    sandbox.handle.events = [SandboxConnectionError("gave up")]
    async with open_terminal(started, OPENING) as terminal:
        with pytest.raises(Closing) as lost:
            await terminal.next()
    assert (lost.value.code, lost.value.reason) == (CloseCode.UNREACHABLE, "gave up")
    assert sandbox.handle.closed


async def test_typing_and_sizes_reach_the_handle(sandbox: FakeSandbox, started: Grant) -> None:
    async with open_terminal(started, OPENING) as terminal:
        await terminal.write("é\r".encode())
        await terminal.write(b"\xff")
        await terminal.resize(Size(1, 2))
    assert sandbox.handle.typed == ["é\r", "\ufffd"]
    assert sandbox.handle.sizes == [(1, 2)]


async def test_a_server_that_numbers_input_says_first_what_it_has(
    sandbox: FakeSandbox, started: Grant, server: list[ServerState]
) -> None:
    server.append(ServerState(ServerCapabilities("namespaces", numbered_input=True)))
    sandbox.handle.events = [
        TerminalModes(77, "\x1b[?1h", 24, 80, 90),
        InputTaken(77, 5),
        SkippedChunk(80),
        InputTaken(80, 9),
    ]
    async with open_terminal(started, OPENING) as terminal:
        assert terminal.taken == 5
        events = [await terminal.next() for _ in range(3)]
        assert events == [Modes("\x1b[?1h", 90), Skipped(80), Taken(9)]
        await terminal.type(5, "é".encode())
        await terminal.skip()
    assert sandbox.calls[0][2]["source"] == "client-one"
    assert sandbox.handle.numbered == [("é", 5)]
    assert sandbox.handle.kept == link.KEEP_ON_SKIP


async def test_a_shell_that_has_ended_says_so_though_its_server_numbers_input(
    sandbox: FakeSandbox, started: Grant, server: list[ServerState]
) -> None:
    server.append(ServerState(ServerCapabilities("namespaces", numbered_input=True)))
    async with open_terminal(started, OPENING) as terminal:
        assert await terminal.next() == Ended(130)


async def test_a_redraw_is_a_size_and_back(
    sandbox: FakeSandbox, started: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "REDRAW_PAUSE", 0)
    async with open_terminal(started, OPENING) as terminal:
        await terminal.redraw(Size(24, 80))
    assert sandbox.handle.sizes == [(23, 80), (24, 80)]


async def test_a_server_that_once_numbered_input_is_not_doubted(
    sandbox: FakeSandbox, started: Grant, server: list[ServerState]
) -> None:
    server.append(ServerState(ServerCapabilities("namespaces", numbered_input=True)))
    for _ in range(2):
        sandbox.handle.events = [InputTaken(77, 0)]
        async with open_terminal(started, OPENING):
            pass
        server.append(ServerState(None))
    assert [options["source"] for _, _, options in sandbox.calls] == ["client-one", "client-one"]


async def test_a_server_that_does_not_say_what_it_can_is_waited_for(
    sandbox: FakeSandbox, started: Grant, server: list[ServerState]
) -> None:
    server.append(ServerState(None, "cannot be asked", "connection refused"))
    with pytest.raises(Closing) as lost:
        async with open_terminal(started, OPENING):
            pass
    assert lost.value.code == CloseCode.UNREACHABLE
    assert not sandbox.calls
