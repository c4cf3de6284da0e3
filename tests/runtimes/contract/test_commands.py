"""Commands as they really run: exit codes, streams, input, trees of processes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.shim.peer import Peer, attach, run, wait_for

if TYPE_CHECKING:
    from pathlib import Path

PASTE = os.urandom(1 << 20) * 10


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("true", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -TERM $$", 128 + signal.SIGTERM),
        ("kill -KILL $$", 128 + signal.SIGKILL),
        ("no-such-program-here", 127),
    ],
)
async def test_exit_codes(shim: Path, script: str, code: int) -> None:
    assert (await run(shim, script)).exit_code == code


async def test_the_first_program_that_exists(shim: Path) -> None:
    candidates = [["/no/such/shell", "-c", "echo a"], ["no-such-program"], ["/bin/sh", "-c", "echo b"]]
    peer = await Peer.ask(shim, "start", command_id="c", candidates=candidates)
    assert (await peer.rest()).stdout == b"b\n"
    peer = await Peer.ask(shim, "start", command_id="d", candidates=candidates[:2])
    outcome = await peer.rest()
    assert outcome.error_type == "CommandError"
    assert "no" in outcome.final["error"].lower()


async def test_environment_folder_and_home(shim: Path) -> None:
    outcome = await run(shim, 'cd; pwd; echo "$HOME|$A|$SANDBOXD_STATE_DIR|$PYTHONPATH"', env={"A": "b c"})
    home, line = outcome.stdout.decode().splitlines()
    assert line == f"{home}|b c||"
    assert (await run(shim, "pwd", command_id="d")).stdout.decode().strip() == home
    assert (await run(shim, "pwd", command_id="e", cwd="/usr")).stdout == b"/usr\n"
    outcome = await run(shim, "pwd", command_id="f", cwd="/no/such/folder")
    assert outcome.error_type == "CommandError"
    assert "/no/such/folder" in outcome.final["error"]


async def test_an_argument_beyond_what_the_kernel_takes(shim: Path) -> None:
    outcome = await run(shim, "true", env={"HUGE": "x" * 400_000})
    assert outcome.error_type == "CommandError"
    assert (await run(shim, "echo fine", command_id="d")).stdout == b"fine\n"


async def test_both_streams(shim: Path) -> None:
    outcome = await run(shim, "echo out; echo err >&2")
    assert (outcome.stdout, outcome.stderr, outcome.exit_code) == (b"out\n", b"err\n", 0)


async def test_a_counter_read_again_from_any_offset(shim: Path) -> None:
    whole = (await run(shim, "seq 1 20000")).stdout
    assert whole == b"".join(b"%d\n" % n for n in range(1, 20001))
    for offset in (0, 1, 4095, 4096, 65536, len(whole) - 1, len(whole), len(whole) + 5):
        outcome = await attach(shim, stdout_offset=offset)
        assert outcome.stdout == whole[offset:]
        assert outcome.exit_code == 0


async def test_binary_output_has_offsets_of_text(shim: Path) -> None:
    outcome = await run(shim, "head -c 300000 /dev/urandom", ttl=60)
    middle = len(outcome.stdout) // 2
    later = await attach(shim, stdout_offset=middle)
    assert later.stdout == outcome.stdout[later.first["stdout"] :]
    assert later.first["stdout"] - middle in range(3)


async def test_five_kills_in_mid_stream(shim: Path) -> None:
    expected = b"".join(b"%d\n" % n for n in range(1, 1_500_001))
    received = bytearray()
    peer = await Peer.run(shim, "seq 1 1500000")
    for _ in range(5):
        while len(peer.outcome.stdout) < 1_500_000:
            await anext(peer.frames())
        received += peer.outcome.stdout
        peer.drop()
        peer = await Peer.ask(shim, "attach", command_id="c", stdout_offset=len(received), gaps=True)
    outcome = await peer.rest()
    assert outcome.gaps == []
    assert hashlib.sha256(received + outcome.stdout).digest() == hashlib.sha256(expected).digest()


async def test_a_paste_of_ten_megabytes(shim: Path) -> None:
    peer = await Peer.run(shim, "sha256sum")
    await peer.paste(PASTE)
    peer.send("close_stdin")
    outcome = await peer.rest()
    assert outcome.stdout.split()[0].decode() == hashlib.sha256(PASTE).hexdigest()


async def test_an_echo_of_ten_megabytes(shim: Path) -> None:
    text = b"".join(b"%09d\n" % n for n in range(1_000_000))
    peer = await Peer.run(shim, "cat")
    reading = asyncio.create_task(peer.rest())
    await peer.paste(text)
    peer.send("close_stdin")
    outcome = await reading
    assert outcome.stdout == text
    assert outcome.exit_code == 0


async def test_input_by_two_clients_and_none(shim: Path) -> None:
    first = await Peer.run(shim, "read a; read b; echo $a-$b")
    await first.message("started")
    second = await Peer.ask(shim, "attach", command_id="c")
    first.type(b"one\n")
    await first.writer.drain()
    second.type(b"two\n")
    assert sorted((await second.rest()).stdout.strip().split(b"-")) == [b"one", b"two"]


async def test_a_program_that_reads_nothing(shim: Path) -> None:
    peer = await Peer.run(shim, "echo done")
    pasting = asyncio.create_task(peer.paste(PASTE))
    outcome = await peer.rest()
    await asyncio.gather(pasting, return_exceptions=True)
    assert (outcome.stdout, outcome.exit_code) == (b"done\n", 0)


async def test_kill_takes_the_whole_tree(shim: Path) -> None:
    script = "sleep 3601 & (setsid sleep 3602 &) ; (setsid setsid sh -c 'sleep 3603 & wait' &) ; echo up; wait"
    bystander = await Peer.run(shim, "echo up; sleep 3604", command_id="b")
    await bystander.until(b"up")
    peer = await Peer.run(shim, script)
    await peer.until(b"up")
    async with asyncio.timeout(20):
        while await sleepers(shim) != {3601, 3602, 3603, 3604}:
            await asyncio.sleep(0.02)
    peer.send("kill")
    outcome = await peer.rest()
    assert outcome.exit_code == 137
    assert await sleepers(shim) == {3604}


async def sleepers(shim: Path) -> set[int]:
    """The marked ``sleep`` programs that live in the sandbox (or, without isolation, on this machine)."""
    listing = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f 2>/dev/null; echo; done; exit 0"
    outcome = await run(shim, listing, command_id=os.urandom(4).hex())
    lines = outcome.stdout.decode().splitlines()
    return {int(line.split()[1]) for line in lines if line.startswith("sleep 360")}


async def test_timeout_takes_the_whole_tree(shim: Path) -> None:
    outcome = await run(shim, "(setsid sleep 3605 &) ; echo up; sleep 3606", timeout=0.5)
    assert (outcome.stdout, outcome.error_type) == (b"up\n", "CommandTimeout")
    assert await sleepers(shim) == set()


async def test_a_fork_storm_is_killed(shim: Path) -> None:
    script = "for i in $(seq 1 60); do (while :; do sleep 0.01; done) & done; echo up; wait"
    peer = await Peer.run(shim, script)
    await peer.until(b"up")
    peer.send("kill")
    assert (await peer.rest()).exit_code == 137


async def test_a_background_child_does_not_hold_the_exit(shim: Path) -> None:
    async with asyncio.timeout(10):
        outcome = await run(shim, "sleep 3607 & echo started")
    assert (outcome.stdout, outcome.exit_code) == (b"started\n", 0)
    later = await attach(shim)
    assert later.exit_code == 0
    assert 3607 in await sleepers(shim)


async def test_a_background_server_can_go_on_writing(shim: Path) -> None:
    script = "(for i in $(seq 1 400); do echo line $i; sleep 0.002; done; echo end > ~/finished) & echo started"
    assert (await run(shim, script, ttl=0)).exit_code == 0
    outcome = await run(
        shim, "until [ -e ~/finished ]; do sleep 0.02; done; cat ~/finished", command_id="d", timeout=20
    )
    assert outcome.stdout == b"end\n"


async def test_signals(shim: Path) -> None:
    peer = await Peer.run(shim, "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done")
    await peer.until(b"ready")
    peer.send("signal", signal="SIGINT")
    outcome = await peer.rest()
    assert (outcome.stdout, outcome.exit_code) == (b"ready\ncaught\n", 9)


async def test_no_client_is_needed(shim: Path) -> None:
    peer = await Peer.run(shim, "sleep 0.3; echo alone; exit 5")
    await peer.message("started")
    peer.drop()
    await wait_for(shim, state="exited", exit_code=5)
    assert (await attach(shim)).stdout == b"alone\n"


async def test_only_three_descriptors_are_open(shim: Path) -> None:
    outcome = await run(shim, "ls /proc/self/fd")
    assert bytes(outcome.stdout).split() == [b"0", b"1", b"2", b"3"]


async def test_broken_pipes_end_programs(shim: Path) -> None:
    outcome = await run(shim, "yes | head -n 1; echo ${PIPESTATUS[0]}")
    assert outcome.stdout == b"y\n%d\n" % (128 + signal.SIGPIPE)
