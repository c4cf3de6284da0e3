"""Commands over a WebSocket that fails in every way that it can."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    AsyncSandbox,
    AsyncSandboxClient,
    CommandTimeoutError,
    Gap,
    InvalidResponseError,
    OutputChunk,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxConnectionError,
    SandboxNotReadyError,
    SandboxOperationError,
    StreamingUnsupportedError,
    TerminalModes,
)
from sandboxcore.client._io import AsyncEvent, async_wait
from tests.client.fake import DROP, Answer, FakeServer, GoneError, Peer

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def sandbox(server: FakeServer, async_client: AsyncSandboxClient) -> AsyncSandbox:
    return AsyncSandbox.from_dict(server.box(), async_client, auto_delete=False)


def says(*texts: str, exit_code: int = 0) -> Callable[[Peer], None]:
    """A script: a command that writes these to its standard output and ends."""

    def script(peer: Peer) -> None:
        peer.started()
        offset = 0
        for text in texts:
            peer.send("stdout", data=text, offset=offset)
            offset += len(text.encode())
        peer.send("exit", exit_code=exit_code)
        peer.close()

    return script


def resumes(reply: Callable[[Peer, dict[str, Any]], None]) -> Callable[[Peer], None]:
    """A script: a connection that takes up a running command."""

    def script(peer: Peer) -> None:
        message = peer.recv()
        assert message["type"] == "reconnect"
        reply(peer, message)

    return script


async def test_it_works(server: FakeServer, sandbox: AsyncSandbox) -> None:
    server.scripts.append(says("Hello, ", "Wörld!\n"))
    result = await sandbox.run("echo")
    assert (result.stdout, result.stderr, result.exit_code, result.success) == ("Hello, Wörld!\n", "", 0, True)
    assert server.peers[0].headers["x-api-key"] == "a-key"


async def test_what_is_sent(server: FakeServer, sandbox: AsyncSandbox) -> None:
    messages = []

    def script(peer: Peer) -> None:
        messages.append(peer.started())
        peer.send("exit", exit_code=0)

    server.scripts.append(script)
    await sandbox.run(  # noqa: S604 -- a shell inside the sandbox
        "c",
        timeout=0,
        env={"A": "b"},
        cwd="/w",
        shell="/bin/sh",
        idle_timeout=-1,
        kill_on_disconnect=True,
        ttl_seconds=9,
        pty=True,
        rows=3,
        cols=4,
        command_id="mine",
        gaps=True,
    )
    assert messages == [
        {
            "type": "execute",
            "command": "c",
            "command_id": "mine",
            "timeout_seconds": 0,
            "shell": "/bin/sh",
            "idle_timeout_seconds": -1,
            "kill_on_disconnect": True,
            "ttl_seconds": 9,
            "env": {"A": "b"},
            "cwd": "/w",
            "pty": True,
            "rows": 3,
            "cols": 4,
            "gaps": True,
        }
    ]


async def test_defaults_are_the_protocols_own(server: FakeServer, sandbox: AsyncSandbox) -> None:
    messages = []

    def script(peer: Peer) -> None:
        messages.append(peer.started())
        peer.send("exit", exit_code=0)

    server.scripts.append(script)
    await sandbox.run("c")
    command_id = messages[0].pop("command_id")
    assert len(command_id) == 36
    assert messages[0] == {
        "type": "execute",
        "command": "c",
        "timeout_seconds": 60,
        "shell": "/bin/bash",
        "idle_timeout_seconds": 300,
        "kill_on_disconnect": False,
        "ttl_seconds": 600,
    }


async def test_streams_and_exit_code(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def script(peer: Peer) -> None:
        peer.started(pid=42)
        peer.send("stdout", data="a", offset=0)
        peer.send("stderr", data="b", offset=0)
        peer.send("something-new", whatever=1)
        peer.send("stdout", data="ü", offset=1)
        peer.send("exit", exit_code=3)

    server.scripts.append(script)
    handle = await sandbox.run("c", wait=False)
    assert handle.pid == 42
    chunks = [chunk async for chunk in handle]
    assert chunks == [OutputChunk("stdout", "a", 0), OutputChunk("stderr", "b", 0), OutputChunk("stdout", "ü", 1)]
    assert (handle.stdout_offset, handle.stderr_offset) == (3, 1)
    assert (handle.last_stdout_offset, handle.last_stderr_offset) == (3, 1)
    result = await handle.result
    assert (result.stdout, result.stderr, result.exit_code, result.success) == ("aü", "b", 3, False)
    assert [chunk async for chunk in handle] == []


async def test_iterating_may_be_left_and_taken_up_again(server: FakeServer, sandbox: AsyncSandbox) -> None:
    server.scripts.append(says("a", "b", "c"))
    handle = await sandbox.run("c", wait=False)
    async for chunk in handle:
        assert chunk.data == "a"
        break
    assert [chunk.data async for chunk in handle] == ["b", "c"]


async def test_callbacks(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def script(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="a", offset=0)
        peer.send("stderr", data="b", offset=0)
        peer.send("exit", exit_code=0)

    server.scripts.extend([script, script])
    out: list[str] = []
    err: list[str] = []
    result = await sandbox.run("c", on_stdout=out.append, on_stderr=err.append)
    assert (out, err, result.stdout, result.stderr) == (["a"], ["b"], "a", "b")
    await sandbox.run("c", on_stdout=out.append)
    assert (out, err) == (["a", "a"], ["b"])


async def test_a_callback_that_raises_closes_the_connection(server: FakeServer, sandbox: AsyncSandbox) -> None:
    codes: list[int | None] = []

    def script(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="a", offset=0)
        try:
            peer.recv()
        except GoneError as gone:
            codes.append(gone.code)

    def explode(text: str) -> None:
        raise LookupError(text)

    server.scripts.append(script)
    with pytest.raises(LookupError, match="a"):
        await sandbox.run("c", on_stdout=explode)
    assert server.finished.acquire(timeout=10)
    assert codes == [1000]


async def test_callbacks_and_a_handle_exclude_each_other(sandbox: AsyncSandbox) -> None:
    with pytest.raises(ValueError, match="wait"):
        await sandbox.run("c", wait=False, on_stdout=print)


async def test_collect_false_keeps_nothing(server: FakeServer, sandbox: AsyncSandbox) -> None:
    server.scripts.append(says("a"))
    handle = await sandbox.run("c", wait=False, collect=False)
    assert [chunk.data async for chunk in handle] == ["a"]
    assert (await handle.result).stdout == ""


@pytest.mark.parametrize("code", [None, 1000, 1011, 1001])
async def test_a_lost_connection_goes_on_where_it_was(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float], code: int | None
) -> None:
    asked = []

    def first(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="öne,", offset=0)
        peer.send("stderr", data="e", offset=0)
        if code is None:
            peer.drop()
        else:
            peer.close(code)

    def again(peer: Peer, message: dict[str, Any]) -> None:
        asked.append((message["command_id"], message["stdout_offset"], message["stderr_offset"]))
        peer.send("stdout", data="two", offset=5)
        peer.send("exit", exit_code=0)

    server.scripts.extend([first, resumes(again)])
    handle = await sandbox.run("c", wait=False)
    result = await handle.result
    assert (result.stdout, result.stderr) == ("öne,two", "e")
    assert asked == [(handle.command_id, 5, 1)]
    assert pauses == ([] if code == 1001 else [0.5])


async def test_what_comes_twice_is_given_once(server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]) -> None:
    def first(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="aé", offset=0)
        peer.drop()

    def again(peer: Peer, message: dict[str, Any]) -> None:
        peer.send("stdout", data="a", offset=0)
        peer.send("stdout", data="aéb", offset=0)
        peer.send("stdout", data="c", offset=4)
        peer.send("exit", exit_code=0)

    server.scripts.extend([first, resumes(again)])
    handle = await sandbox.run("c", wait=False)
    chunks = [(chunk.data, chunk.offset) async for chunk in handle]
    assert chunks == [("aé", 0), ("b", 3), ("c", 4)]


@pytest.mark.parametrize("gaps", [True, False])
async def test_what_is_lost_is_told_to_who_asks(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float], gaps: bool
) -> None:
    def first(peer: Peer) -> None:
        assert ("gaps" in peer.started()) == gaps
        peer.send("stdout", data="a", offset=0)
        peer.drop()

    def again(peer: Peer, message: dict[str, Any]) -> None:
        assert ("gaps" in message) == gaps
        if gaps:
            peer.send("gap", stream="stdout", **{"from": 1, "to": 5})
        peer.send("stdout", data="b", offset=5)
        peer.send("stdout", data="c", offset=9)
        peer.send("exit", exit_code=0)

    server.scripts.extend([first, resumes(again)])
    handle = await sandbox.run("c", wait=False, gaps=gaps)
    chunks = [chunk async for chunk in handle]
    texts = [OutputChunk("stdout", "a", 0), OutputChunk("stdout", "b", 5), OutputChunk("stdout", "c", 9)]
    if gaps:
        texts = [texts[0], Gap("stdout", 1, 5), texts[1], Gap("stdout", 6, 9), texts[2]]
    assert chunks == texts
    assert (await handle.result).stdout == "abc"


async def test_five_tries_then_an_error(server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]) -> None:
    def first(peer: Peer) -> None:
        peer.started()
        peer.drop()

    server.scripts.extend([first, DROP, Answer(502), Answer(404), DROP, Answer(503, {"detail": "busy"})])
    handle = await sandbox.run("c", wait=False)
    with pytest.raises(SandboxConnectionError, match="gave up after 5 more tries"):
        await handle.result
    assert pauses == [0.5, 1, 2, 4, 8]
    with pytest.raises(SandboxConnectionError):
        await handle.result
    with pytest.raises(SandboxConnectionError):
        await handle.send_input("x")
    assert len(server.peers) == 6


async def test_an_attach_that_works_gives_the_tries_back(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    def first(peer: Peer) -> None:
        peer.started()
        peer.drop()

    def again(peer: Peer, message: dict[str, Any]) -> None:
        peer.send("stdout", data="a", offset=message["stdout_offset"])
        peer.drop()

    def last(peer: Peer, message: dict[str, Any]) -> None:
        peer.send("exit", exit_code=0)

    server.scripts.extend([first, DROP, DROP, DROP, DROP, resumes(again), DROP, DROP, resumes(last)])
    result = await sandbox.run("c")
    assert result.stdout == "a"
    assert pauses == [0.5, 1, 2, 4, 8, 0.5, 1, 2]


async def test_a_server_that_always_reloads_is_not_asked_for_ever(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    def reload(peer: Peer) -> None:
        peer.recv()
        peer.close(1001)

    def first(peer: Peer) -> None:
        peer.started()
        peer.close(1001)

    server.scripts.extend([first, *[reload] * 10])
    with pytest.raises(SandboxConnectionError, match="reload"):
        await sandbox.run("c")
    assert pauses == [0.5, 1, 2, 4, 8]


async def test_a_start_whose_answer_is_lost_is_repeated_under_the_same_id(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    asked = []

    def lost(peer: Peer) -> None:
        asked.append(peer.recv())
        peer.drop()

    def script(peer: Peer) -> None:
        asked.append(peer.started())
        peer.send("stdout", data="once", offset=0)
        peer.send("exit", exit_code=0)

    server.scripts.extend([DROP, lost, script])
    assert (await sandbox.run("c")).stdout == "once"
    assert asked[0] == asked[1]
    assert asked[0]["type"] == "execute"
    assert pauses == [0.5, 1]


async def test_a_start_is_not_repeated_for_a_server_that_chooses_ids_itself(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    def script(peer: Peer) -> None:
        peer.recv()
        peer.send("started", command_id="its-own", pid=1)
        peer.send("exit", exit_code=0)

    def lost(peer: Peer) -> None:
        peer.recv()
        peer.drop()

    server.scripts.append(script)
    handle = await sandbox.run("c", wait=False)
    assert handle.command_id == "its-own"
    await handle.result
    server.scripts.append(lost)
    with pytest.raises(SandboxConnectionError, match="not known"):
        await sandbox.run("c")
    server.scripts.extend([DROP, script])
    assert (await sandbox.run("c")).exit_code == 0


async def test_no_retries_means_none_before_the_start(server: FakeServer, pauses: list[float]) -> None:
    async with AsyncSandboxClient(api_endpoint=server.endpoint, max_retries=0) as client:
        sandbox = AsyncSandbox.from_dict(server.box(), client)
        server.scripts.append(DROP)
        with pytest.raises(SandboxConnectionError):
            await sandbox.run("c")
    assert pauses == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("CommandTimeout", CommandTimeoutError),
        ("CommandError", SandboxOperationError),
        ("NotReady", SandboxNotReadyError),
        ("New", SandboxOperationError),
    ],
)
@pytest.mark.parametrize("started", [True, False])
async def test_errors_in_the_stream(
    server: FakeServer, sandbox: AsyncSandbox, kind: str, expected: type[Exception], started: bool
) -> None:
    def script(peer: Peer) -> None:
        peer.started() if started else peer.recv()
        peer.send("error", error_type=kind, error="because")
        peer.close()

    server.scripts.append(script)
    with pytest.raises(expected, match="because") as caught:
        await sandbox.run("c", timeout=5)
    if isinstance(caught.value, CommandTimeoutError):
        assert caught.value.timeout == 5
    elif isinstance(caught.value, SandboxOperationError):
        assert (caught.value.operation, caught.value.error_type) == ("command", kind)


@pytest.mark.parametrize("kind", ["CommandNotFound", "SessionExpired"])
async def test_reconnect_to_what_is_no_more(server: FakeServer, sandbox: AsyncSandbox, kind: str) -> None:
    def script(peer: Peer) -> None:
        assert peer.recv() == {
            "type": "reconnect",
            "command_id": "c1",
            "stdout_offset": 4,
            "stderr_offset": 2,
        }
        peer.send("error", error_type=kind, error="no")

    server.scripts.append(script)
    handle = await sandbox.reconnect("c1", stdout_offset=4, stderr_offset=2)
    assert (handle.command_id, handle.pid) == ("c1", None)
    with pytest.raises(SandboxOperationError, match="c1") as caught:
        await handle.result
    assert (caught.value.operation, caught.value.error_type) == ("reconnect", kind)
    with pytest.raises(SandboxOperationError, match="c1"):
        await handle.result


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[1]",
        '{"type": 1}',
        '{"type": "stdout", "data": 5, "offset": 0}',
        '{"type": "stdout", "offset": 0}',
        '{"type": "stdout", "data": "x", "offset": -1}',
        '{"type": "stdout", "data": "x", "offset": "0"}',
        '{"type": "exit"}',
        '{"type": "exit", "exit_code": "0"}',
        '{"type": "exit", "exit_code": true}',
        '{"type": "gap", "stream": "stdin", "to": 3}',
        '{"type": "gap", "stream": "stdout"}',
        '{"type": "error", "error": {}}',
    ],
)
async def test_nonsense_from_the_server_is_an_error(server: FakeServer, sandbox: AsyncSandbox, text: str) -> None:
    def script(peer: Peer) -> None:
        peer.started()
        peer.send_raw(text)
        peer.recv()

    server.scripts.append(script)
    handle = await sandbox.run("c", wait=False)
    with pytest.raises(InvalidResponseError):
        await handle.result
    with pytest.raises(InvalidResponseError):
        await handle.result
    assert server.finished.acquire(timeout=10)
    assert len(server.peers) == 1


async def test_output_before_started_is_an_error(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def script(peer: Peer) -> None:
        peer.recv()
        peer.send("stdout", data="x", offset=0)
        peer.recv()

    server.scripts.append(script)
    with pytest.raises(InvalidResponseError, match="started"):
        await sandbox.run("c")


async def test_a_message_beyond_the_limit_is_an_error(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def script(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="x" * (5 << 20), offset=0)
        peer.recv()

    server.scripts.append(script)
    with pytest.raises(InvalidResponseError, match="longer"):
        await sandbox.run("c")


async def test_input_of_any_size_arrives_in_order(server: FakeServer, sandbox: AsyncSandbox) -> None:
    text = "".join(f"{number} ä\n" for number in range(60_000))

    def script(peer: Peer) -> None:
        peer.started()
        parts = []
        while (message := peer.recv())["type"] == "input":
            parts.append(message["data"])
        assert message["type"] == "close_stdin"
        assert "".join(parts) == text
        assert max(map(len, parts)) <= 65536
        peer.send("exit", exit_code=0)

    server.scripts.append(script)
    handle = await sandbox.run("cat", wait=False)
    await handle.send_input(text)
    await handle.send_input("")
    await handle.close_stdin()
    assert (await handle.result).success


async def test_terminal_and_signals(server: FakeServer, sandbox: AsyncSandbox) -> None:
    messages = []

    def script(peer: Peer) -> None:
        peer.started()
        messages.extend([peer.recv(), peer.recv()])
        peer.send("exit", exit_code=130)

    server.scripts.append(script)
    handle = await sandbox.run("c", wait=False, pty=True)
    await handle.resize(24, 80)
    await handle.send_signal("SIGINT")
    assert (await handle.result).exit_code == 130
    assert messages == [{"type": "resize", "rows": 24, "cols": 80}, {"type": "signal", "signal": "SIGINT"}]
    for size in ((0, 80), (24, -1), (70_000, 80)):
        with pytest.raises(ValueError, match="terminal"):
            await handle.resize(*size)


async def test_kill_still_brings_the_output_and_the_exit_code(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def script(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="before", offset=0)
        assert peer.recv() == {"type": "kill"}
        peer.send("exit", exit_code=137)

    server.scripts.append(script)
    handle = await sandbox.run("sleep 1000", wait=False)
    await handle.kill()
    result = await handle.result
    assert (result.stdout, result.exit_code) == ("before", 137)
    await handle.kill()
    await handle.send_input("too late")


async def test_a_kill_that_a_lost_connection_swallowed_is_sent_again(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    def first(peer: Peer) -> None:
        peer.started()
        peer.recv()
        peer.drop()

    def again(peer: Peer, message: dict[str, Any]) -> None:
        assert peer.recv() == {"type": "kill"}
        peer.send("exit", exit_code=137)

    server.scripts.extend([first, resumes(again)])
    handle = await sandbox.run("c", wait=False)
    await handle.kill()
    assert (await handle.result).exit_code == 137


async def test_whoever_writes_first_brings_the_connection_back(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    def first(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="a", offset=0)
        peer.drop()

    def again(peer: Peer, message: dict[str, Any]) -> None:
        peer.send("stdout", data="ab", offset=message["stdout_offset"])
        while peer.recv()["data"] != "last":
            pass
        peer.send("exit", exit_code=0)

    server.scripts.extend([first, resumes(again)])
    handle = await sandbox.run("c", wait=False)
    assert server.finished.acquire(timeout=10)
    while len(server.peers) < 2:
        await handle.send_input("until it shows")
    await handle.send_input("last")
    assert (await handle.result).stdout == "ab"


async def test_close_leaves_the_command_alone(server: FakeServer, sandbox: AsyncSandbox) -> None:
    seen: list[Any] = []

    def script(peer: Peer) -> None:
        peer.started()
        try:
            seen.append(peer.recv())
        except GoneError as gone:
            seen.append(gone.code)

    server.scripts.append(script)
    async with await sandbox.run("c", wait=False) as handle:
        pass
    assert server.finished.acquire(timeout=10)
    assert seen == [1000]
    assert [chunk async for chunk in handle] == []
    await handle.kill()
    await handle.send_input("x")
    with pytest.raises(SandboxOperationError, match="closed"):
        await handle.result
    assert len(server.peers) == 1


async def test_a_handle_reconnects_from_its_own_place(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def first(peer: Peer) -> None:
        peer.started()
        peer.send("stdout", data="abc", offset=0)
        peer.recv()

    def again(peer: Peer, message: dict[str, Any]) -> None:
        assert (message["stdout_offset"], message["stderr_offset"]) == (3, 0)
        peer.send("stdout", data="d", offset=3)
        peer.send("exit", exit_code=0)

    server.scripts.extend([first, resumes(again)])
    handle = await sandbox.run("c", wait=False)
    async for _ in handle:
        break
    await handle.close()
    second = await handle.reconnect()
    assert second.command_id == handle.command_id
    assert (await second.result).stdout == "d"


async def test_output_that_nobody_reads_stays_with_the_server(server: FakeServer, sandbox: AsyncSandbox) -> None:
    sent = []

    def script(peer: Peer) -> None:
        peer.started()
        peer._sock.settimeout(1)
        for number in range(4000):
            peer.send("stdout", data="x" * 65536, offset=number * 65536)
            sent.append(number)

    server.scripts.append(script)
    handle = await sandbox.run("yes", wait=False)
    while not server.finished.acquire(blocking=False):
        await async_wait(AsyncEvent(), 0.02)
    assert len(sent) < 400
    await handle.close()


async def test_without_a_websocket_it_runs_over_http(server: FakeServer, sandbox: AsyncSandbox) -> None:
    server.on("POST", "//box/execute", {"stdout": "o", "stderr": "e", "exit_code": 2})
    server.scripts.append(Answer(404, {"detail": "Not Found"}))
    result = await sandbox.run("c", timeout=9, env={"A": "b"}, cwd="/w")
    assert (result.stdout, result.stderr, result.exit_code) == ("o", "e", 2)
    assert server.seen[-1].json == {
        "command": "c",
        "timeout": 9,
        "shell": "/bin/bash",
        "env": {"A": "b"},
        "cwd": "/w",
    }


@pytest.mark.parametrize("options", [{"wait": False}, {"on_stdout": print}, {"pty": True}])
async def test_what_needs_a_websocket_says_so(
    server: FakeServer, sandbox: AsyncSandbox, options: dict[str, Any]
) -> None:
    server.scripts.append(Answer(404, {"detail": "Not Found"}))
    with pytest.raises(StreamingUnsupportedError, match="404"):
        await sandbox.run("c", **options)
    assert server.seen == []


async def test_a_command_that_may_have_begun_is_never_run_over_http(
    server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]
) -> None:
    def lost(peer: Peer) -> None:
        peer.recv()
        peer.drop()

    server.scripts.extend([lost, Answer(404), Answer(404), Answer(404)])
    with pytest.raises(SandboxConnectionError):
        await sandbox.run("c")
    assert server.seen == []


async def test_http_commands_are_never_repeated(server: FakeServer, sandbox: AsyncSandbox, pauses: list[float]) -> None:
    for answer in (Answer(502), Answer(504), DROP):
        server.scripts.append(Answer(404))
        server.on("POST", "//box/execute", answer, answer)
        with pytest.raises(SandboxConnectionError):
            await sandbox.run("c")
        server._answers.clear()
    assert len(server.seen) == 3
    assert pauses == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(401, {"detail": {"error": "Unauthorized", "message": "no key"}}), SandboxAuthenticationError),
        (Answer(403, {"detail": {"error": "Forbidden", "message": "no"}}), SandboxAuthenticationError),
        (Answer(400, {"detail": {"error": "NotReady", "message": "soon"}}), SandboxNotReadyError),
        (Answer(404, {"detail": {"error": "SandboxNotFound", "message": "gone"}}), ResourceNotFoundError),
    ],
)
async def test_an_upgrade_that_is_refused_for_a_reason(
    server: FakeServer, sandbox: AsyncSandbox, answer: Answer, expected: type[Exception]
) -> None:
    server.scripts.append(answer)
    with pytest.raises(expected):
        await sandbox.run("c")
    assert len(server.peers) == 1


async def test_not_ready_and_no_dataplane(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    from sandboxcore import DataplaneNotConfiguredError

    waiting = AsyncSandbox.from_dict(server.box(status="provisioning"), async_client)
    nowhere = AsyncSandbox.from_dict(server.box(dataplane_url=None), async_client)
    odd = AsyncSandbox.from_dict(server.box(dataplane_url="ftp://x"), async_client)
    with pytest.raises(SandboxNotReadyError, match="provisioning"):
        await waiting.run("c")
    with pytest.raises(SandboxNotReadyError):
        await waiting.read("f")
    with pytest.raises(DataplaneNotConfiguredError):
        await nowhere.write("f", "x")
    with pytest.raises(InvalidResponseError, match="dataplane_url"):
        await odd.run("c")


async def test_modes_come_before_the_output(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def again(peer: Peer, message: dict[str, Any]) -> None:
        assert message["modes"] is True
        peer.send("modes", sequence="\x1b[?1049h", rows=24, cols=80)
        peer.send("stdout", data="x", offset=7)
        peer.send("exit", exit_code=0)

    server.scripts.append(resumes(again))
    handle = await sandbox.reconnect("c", stdout_offset=7, modes=True)
    chunks = [chunk async for chunk in handle]
    assert chunks == [TerminalModes(7, "\x1b[?1049h", 24, 80), OutputChunk("stdout", "x", 7)]


async def test_a_handle_that_is_forgotten_lets_go_of_its_connection(server: FakeServer, sandbox: AsyncSandbox) -> None:
    def script(peer: Peer) -> None:
        peer.started()
        peer.recv()

    server.scripts.append(script)
    handle = await sandbox.run("c", wait=False)
    del handle
    gc.collect()
    while not server.finished.acquire(blocking=False):
        await async_wait(AsyncEvent(), 0.01)


async def test_a_handle_can_be_shown(server: FakeServer, sandbox: AsyncSandbox) -> None:
    server.scripts.append(says("secret output"))
    handle = await sandbox.run("secret command", wait=False, command_id="c-1")
    assert "c-1" in repr(handle)
    assert "secret" not in repr(handle)
    await handle.result
