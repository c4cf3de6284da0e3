"""``WS /execute/ws`` on the real server."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.live import Commands, Live

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.server.running import Sandboxd


async def test_it_works(live: Commands) -> None:
    command = await live.run("echo out; echo err >&2; exit 3", timeout=10)
    await command.started()
    assert await command.end() == {"type": "exit", "exit_code": 3}
    assert command.text == {"stdout": "out\n", "stderr": "err\n"}
    with pytest.raises(ConnectionClosed) as closed:
        await command.socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


async def test_offsets_count_bytes_of_the_text_sent(live: Commands) -> None:
    command = await live.run(
        r"printf 'ä€😀'; sleep 0.2; printf '\xff'; sleep 0.2; printf '|\xf0\x9f'; printf '\x98\x80'"
    )
    await command.started()
    assert (await command.end())["type"] == "exit"
    assert command.text["stdout"] == "ä€😀\ufffd|😀"


async def test_input_reaches_the_command_and_can_be_closed(live: Commands) -> None:
    command = await live.run('read name; echo "hello $name"; cat; echo end')
    await command.started()
    await command.send(type="input", data="wörld\n")
    await command.until("hello wörld\n")
    await command.send(type="input", data="more\n")
    await command.send(type="close_stdin")
    assert (await command.end())["exit_code"] == 0
    assert command.text["stdout"] == "hello wörld\nmore\nend\n"


async def test_kill_ends_the_whole_tree(live: Commands) -> None:
    command = await live.run("sleep 1000 & sleep 1000 & echo up; wait", timeout=0)
    await command.started()
    await command.until("up\n")
    await command.send(type="kill")
    assert await command.end() == {"type": "exit", "exit_code": 137}


async def test_a_kill_arrives_though_its_sender_leaves_at_once(live: Commands) -> None:
    command = await live.run("echo up; sleep 1000", timeout=0)
    command_id = await command.started()
    await command.until("up\n")
    await command.send(type="kill")
    await command.socket.close()
    again = await live.attach(command_id)
    assert (await again.end())["exit_code"] == 137


async def test_a_signal_is_for_the_command_to_handle(live: Commands) -> None:
    command = await live.run("trap 'echo caught; exit 4' INT; echo up; while :; do sleep 0.05; done")
    await command.started()
    await command.until("up\n")
    await command.send(type="signal", signal="SIGINT")
    assert (await command.end())["exit_code"] == 4
    assert command.text["stdout"] == "up\ncaught\n"


async def test_a_kill_overtakes_input_that_nobody_reads(live: Commands) -> None:
    command = await live.run("echo up; sleep 1000", timeout=0)
    await command.started()
    await command.until("up\n")
    for _ in range(6):
        await command.send(type="input", data="x" * (1 << 20))
    await command.send(type="kill")
    assert (await command.end())["exit_code"] == 137


async def test_a_terminal_has_the_size_asked_for_and_follows_resizes(live: Commands) -> None:
    command = await live.run("stty size; read line; stty size", pty=True, rows=41, cols=123)
    await command.started()
    await command.until("41 123")
    await command.send(type="resize", rows=50, cols=99)
    await command.send(type="input", data="\r")
    assert (await command.end())["exit_code"] == 0
    assert "50 99" in command.text["stdout"]
    assert command.text["stderr"] == ""


async def test_a_terminal_without_a_command_is_a_login_shell(live: Commands) -> None:
    command = await live.run("", pty=True, timeout=0)
    await command.started()
    await command.send(type="input", data="echo $((40+2)); exit\r")
    assert (await command.end())["exit_code"] == 0
    assert "42" in command.text["stdout"]


async def test_modes_are_told_to_who_asks(live: Commands) -> None:
    first = await live.run(r"printf '\033[?1049h\033[?2004h'; echo up; cat", pty=True, timeout=0)
    command_id = await first.started()
    await first.until("up")
    end = first.next_offset["stdout"]
    second = await live.attach(command_id, stdout=end, modes=True)
    modes = await second.receive()
    assert modes["type"] == "modes"
    assert "\x1b[?1049h" in modes["sequence"]
    assert "\x1b[?2004h" in modes["sequence"]
    await first.send(type="kill")


@pytest.mark.parametrize("field", ["timeout", "timeout_seconds"])
async def test_a_timeout_is_an_error_message(live: Commands, field: str) -> None:
    command = await live.run("echo before; sleep 60", **{field: 1})
    await command.started()
    last = await command.end()
    assert (last["type"], last["error_type"]) == ("error", "CommandTimeout")
    assert command.text["stdout"] == "before\n"


async def test_reconnecting_goes_on_at_the_offsets_and_says_no_started(live: Commands) -> None:
    first = await live.run("echo one; echo two >&2; read x; echo three", timeout=0)
    command_id = await first.started()
    await first.until("one\n")
    await first.until("two\n", "stderr")
    await first.socket.close()
    second = await live.attach(command_id, stdout=2, stderr=4)
    await second.send(type="input", data="\n")
    assert (await second.end())["exit_code"] == 0
    assert second.text == {"stdout": "e\nthree\n", "stderr": ""}
    third = await live.attach(command_id)
    await third.end()
    assert third.text == {"stdout": "one\nthree\n", "stderr": "two\n"}


async def test_a_start_that_is_repeated_runs_once(live: Commands, box: dict[str, Any]) -> None:
    for _ in range(3):
        command = await live.run("echo ran >> runs; cat runs", command_id="chosen-by-the-client")
        assert await command.started() == "chosen-by-the-client"
        await command.end()
        assert command.text["stdout"] == "ran\n"
    assert box["status"] == "ready"


async def test_an_unknown_command_is_not_found(live: Commands) -> None:
    command = await live.attach("none")
    last = await command.receive()
    assert (last["type"], last["error_type"]) == ("error", "CommandNotFound")


async def test_an_expired_one_says_so(live: Commands) -> None:
    first = await live.run("true", ttl_seconds=0)
    command_id = await first.started()
    await first.end()
    async with asyncio.timeout(10):
        while True:
            last = await (await live.attach(command_id)).receive()
            if last["type"] == "error":
                break
    assert last["error_type"] == "SessionExpired"


async def test_an_evicted_beginning_is_a_gap_for_who_asks_and_a_jump_for_others(live: Commands) -> None:
    first = await live.run("head -c 9000000 /dev/zero | tr '\\0' x", timeout=0)
    command_id = await first.started()
    await first.end()
    asking = await live.attach(command_id, gaps=True)
    gap = await asking.receive()
    assert (gap["type"], gap["stream"], gap["from"]) == ("gap", "stdout", 0)
    asking.next_offset["stdout"] = gap["to"]
    await asking.end()
    assert asking.next_offset["stdout"] == 9_000_000
    other = await live.connect()
    await other.send(type="reconnect", command_id=command_id, stdout_offset=0, stderr_offset=0)
    first_piece = json.loads(await other.socket.recv())
    assert (first_piece["type"], first_piece["offset"]) == ("stdout", gap["to"])


BAD_FIRST = [
    "not json",
    "[]",
    "null",
    '"text"',
    "{}",
    '{"type": "dance"}',
    '{"type": "input", "data": "x"}',
    '{"type": ["execute"]}',
    '{"type": "execute"}',
    '{"type": "execute", "command": 5}',
    '{"type": "execute", "command": ""}',
    '{"type": "execute", "command": "true", "timeout": "x"}',
    '{"type": "execute", "command": "true", "timeout": true}',
    '{"type": "execute", "command": "true", "env": []}',
    '{"type": "execute", "command": "true", "env": {"A": 1}}',
    '{"type": "execute", "command": "true", "shell": {}}',
    '{"type": "execute", "command": "true", "pty": true, "rows": -1}',
    '{"type": "execute", "command": "true", "command_id": "' + "x" * 200 + '"}',
    '{"type": "execute", "command": "true", "window": "x"}',
    '{"type": "reconnect"}',
    '{"type": "reconnect", "command_id": "x", "stdout_offset": -1}',
    '{"type": "execute", "command": "' + "y" * (2 << 20) + '"}',
    b"\x00\x01",
]


@pytest.mark.parametrize("message", BAD_FIRST, ids=range(len(BAD_FIRST)))
async def test_a_first_message_that_makes_no_sense_is_answered_and_ends_it(
    live: Commands, message: str | bytes
) -> None:
    connection = await live.connect()
    await connection.socket.send(message)
    last = await connection.receive()
    assert (last["type"], last["error_type"]) == ("error", "CommandError")
    assert last["error"]
    with pytest.raises(ConnectionClosed):
        await connection.socket.recv()


@pytest.mark.parametrize(
    "message",
    [
        "{",
        '{"type": "dance"}',
        '{"type": "input"}',
        '{"type": "input", "data": 5}',
        '{"type": "ack", "bytes": "x"}',
        '{"type": "signal", "signal": "SIGWHAT"}',
        '{"type": "resize", "rows": "x", "cols": 1}',
        b"\xff",
    ],
)
async def test_a_later_message_that_makes_no_sense_ends_the_connection_not_the_command(
    live: Commands, message: str | bytes
) -> None:
    first = await live.run("echo up; read x; echo down", timeout=0, pty=True)
    command_id = await first.started()
    await first.until("up")
    await first.socket.send(message)
    last = await first.end()
    assert (last["type"], last["error_type"]) == ("error", "CommandError")
    second = await live.attach(command_id)
    await second.send(type="input", data="\r")
    assert (await second.end())["exit_code"] == 0


async def test_a_client_that_says_nothing_is_closed(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(first_message_wait=0.2)
    connection = await (await sandbox_of(server, clients(server))).connect()
    with pytest.raises(ConnectionClosed) as closed:
        await connection.socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def sandbox_of(server: Sandboxd, api: httpx.AsyncClient) -> Commands:
    await api.post("/templates", json={"name": "t", "image": "host"})
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    return Commands(box["dataplane_url"], server.key)


def memory_of(server: Sandboxd) -> int:
    """Resident bytes of the server."""
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


async def test_a_two_gigabyte_message_is_refused_unread(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    """Its header alone ends the connection; what follows is never held, and others do not notice."""
    server = own_sandboxd()
    commands = await sandbox_of(server, clients(server))
    connection = await commands.connect()
    neighbour = await commands.run("cat", timeout=0)
    await neighbour.started()
    before = memory_of(server)
    header = bytes([0x81, 0x80 | 127]) + (2 << 30).to_bytes(8, "big") + b"\0\0\0\0"
    connection.socket.transport.write(header + b"x" * (1 << 20))
    with pytest.raises(ConnectionClosed) as closed:
        await connection.socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert memory_of(server) - before < 16 << 20
    await neighbour.send(type="input", data="still here\n")
    await neighbour.until("still here\n")
    await commands.close()


async def test_a_client_that_never_reads_costs_bounded_memory_and_holds_up_nobody(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd()
    commands = await sandbox_of(server, clients(server))
    before = memory_of(server)
    mute = await commands.run("head -c 300000000 /dev/zero | tr '\\0' x", timeout=0, ttl_seconds=60)
    command_id = await mute.started()
    mute.socket.transport.pause_reading()
    # The command ends all the same: its pipe waits for the reader only for so long.
    other = await commands.attach(command_id, stdout=299_999_990)
    async with asyncio.timeout(60):
        while (message := json.loads(await other.socket.recv()))["type"] != "exit":
            assert message["type"] == "stdout"
    assert message["exit_code"] == 0
    assert memory_of(server) - before < 48 << 20
    mute.socket.transport.abort()
    await commands.close()


async def test_a_window_holds_output_back_until_it_is_acknowledged(live: Commands) -> None:
    command = await live.run("head -c 1000000 /dev/zero | tr '\\0' x", window=100_000)
    await command.started()
    seen = 0
    while seen < 100_000:
        seen += len((await command.receive())["data"])
    assert seen < 100_000 + 65_536
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await command.socket.recv()
    await command.send(type="ack", bytes=seen)
    while seen < 1_000_000:
        piece = len((await command.receive())["data"])
        seen += piece
        with suppress(ConnectionClosed):  # the last pieces fit the window, and the end has come
            await command.send(type="ack", bytes=piece)
    assert (await command.receive())["type"] == "exit"


async def test_numbered_input_is_typed_once_over_connections(live: Commands) -> None:
    command = await live.run("cat", source="page-1")
    command_id = await command.started()
    assert await command.receive() == {"type": "input", "taken": 0}
    await command.send(type="input", data="one\n", offset=0)
    assert await command.receive() == {"type": "input", "taken": 4}
    await command.until("one\n")
    again = await live.attach(command_id, source="page-1")
    assert await again.receive() == {"type": "input", "taken": 4}
    await again.send(type="input", data="one\ntwo\n", offset=0)
    while (message := await again.receive())["type"] != "input":
        assert message["data"] in "one\n"
    assert message["taken"] == 8
    await again.send(type="close_stdin")
    assert (await again.end())["exit_code"] == 0
    assert again.text["stdout"] == "one\ntwo\n"


async def test_a_client_that_lags_may_skip_to_the_newest_output(live: Commands) -> None:
    command = await live.run("yes", pty=True, gaps=True, window=65536, timeout=0)
    await command.started()
    await command.until("y" * 1)
    await command.send(type="skip", keep=100)
    await command.send(type="ack", bytes=1 << 20)
    kinds: list[str] = []
    # What was on its way already comes first.
    while "skipped" not in kinds:
        message = json.loads(await command.socket.recv())
        kinds.append(message["type"])
        if message["type"] == "stdout":
            await command.send(type="ack", bytes=len(message["data"]))
        if message["type"] == "gap":
            assert message["to"] > message["from"]
    assert set(kinds) <= {"stdout", "gap", "skipped"}
    await command.send(type="kill")


async def test_a_client_that_vanishes_leaves_the_command_running(live: Commands) -> None:
    first = await live.run("echo up; read x; echo down", timeout=0)
    command_id = await first.started()
    await first.until("up\n")
    first.socket.transport.abort()
    second = await live.attach(command_id, stdout=3)
    await second.send(type="input", data="\n")
    assert (await second.end())["exit_code"] == 0
    assert second.text["stdout"] == "down\n"


async def test_kill_on_disconnect_waits_for_a_vanished_client_and_not_for_one_that_left(
    live: Commands, box: dict[str, Any], api: httpx.AsyncClient
) -> None:
    async def runs(mark: str) -> bool:
        answer = await api.post(
            f"{box['dataplane_url']}/execute", json={"command": f"pgrep -fx 'sleep {mark}' || echo no"}
        )
        return bool(answer.json()["stdout"] != "no\n")

    async def start(mark: str) -> Live:
        command = await live.run(f"exec sleep {mark}", timeout=0, kill_on_disconnect=True)
        await command.started()
        async with asyncio.timeout(10):
            while not await runs(mark):
                await asyncio.sleep(0.05)
        return command

    left, vanished = await start("7301"), await start("7302")
    await left.socket.close()
    vanished.socket.transport.abort()
    async with asyncio.timeout(10):
        while await runs("7301"):
            await asyncio.sleep(0.05)
    assert await runs("7302")


async def test_several_clients_each_get_everything(live: Commands) -> None:
    first = await live.run("read x; seq 1 20000", timeout=0)
    command_id = await first.started()
    others = [await live.attach(command_id) for _ in range(4)]
    await first.send(type="input", data="\n")
    whole = "".join(f"{number}\n" for number in range(1, 20001))
    for reader in [first, *others]:
        assert (await reader.end())["exit_code"] == 0
        assert reader.text["stdout"] == whole


async def test_the_end_of_the_sandbox_ends_its_streams(
    live: Commands, api: httpx.AsyncClient, box: dict[str, Any]
) -> None:
    command = await live.run("echo up; sleep 1000", timeout=0)
    await command.started()
    await command.until("up\n")
    await api.delete(f"/boxes/{box['name']}")
    last = await command.end()
    assert last.get("error_type") == "CommandError" or last["exit_code"] > 128


async def test_an_upgrade_to_what_does_not_exist_is_404(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    url = box["dataplane_url"].replace(box["id"], "00000000-0000-0000-0000-000000000000")
    with pytest.raises(InvalidStatus) as refused:
        await Commands(url, sandboxd.key).connect()
    assert refused.value.response.status_code == 404


async def test_a_shutdown_says_1001_at_once_and_the_command_goes_on(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(shutdown_grace=300)  # which it does not use: it would not be stopped in time
    commands = await sandbox_of(server, clients(server))
    command = await commands.run("echo up; read x; echo down", timeout=0)
    command_id = await command.started()
    await command.until("up\n")
    stopping = asyncio.create_task(asyncio.to_thread(server.stop))
    with pytest.raises(ConnectionClosed) as closed:
        await command.socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert await stopping == 0
    server.start()
    again = await commands.attach(command_id, stdout=3)
    await again.send(type="input", data="\n")
    assert (await again.end())["exit_code"] == 0
    assert again.text["stdout"] == "down\n"
    await commands.close()


async def test_a_shutdown_does_not_wait_for_a_client_that_never_reads(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(shutdown_grace=2)
    commands = await sandbox_of(server, clients(server))
    mute = await commands.run("exec yes", timeout=0)
    await mute.started()
    mute.socket.transport.pause_reading()
    quiet = await commands.run("sleep 1000", timeout=0)
    await quiet.started()
    assert await asyncio.to_thread(server.stop) == 0
    mute.socket.transport.abort()
    await commands.close()


async def test_a_server_killed_in_mid_output_loses_no_byte(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd()
    commands = await sandbox_of(server, clients(server))
    command = await commands.run("for i in $(seq 1 4000); do echo line $i; sleep 0.0005; done; exit 9", timeout=0)
    command_id = await command.started()
    text = ""
    for _ in range(3):
        while len(command.text["stdout"]) < 4000:
            await command.receive()
        server.stop(9)
        with pytest.raises(ConnectionClosed):
            while True:
                await command.receive()
        text += command.text["stdout"]
        server.start()
        command = await commands.attach(command_id, stdout=len(text))
    last = await command.end()
    text += command.text["stdout"]
    assert last == {"type": "exit", "exit_code": 9}
    assert text == "".join(f"line {number}\n" for number in range(1, 4001))
    await commands.close()


async def test_an_exit_code_waits_for_a_server_that_was_killed(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd()
    commands = await sandbox_of(server, clients(server))
    command = await commands.run("sleep 0.2; echo late; exit 5", timeout=0)
    command_id = await command.started()
    server.stop(9)
    server.start()
    again = await commands.attach(command_id)
    assert (await again.end())["exit_code"] == 5
    assert again.text["stdout"] == "late\n"
    await commands.close()
