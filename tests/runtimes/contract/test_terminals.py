"""Commands on a terminal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.shim.peer import Peer, attach, run

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_is_a_terminal(shim: Path) -> None:
    outcome = await run(shim, "tty >/dev/null && stty size && echo err >&2", pty=True, rows=31, cols=97)
    assert outcome.stdout == b"31 97\r\nerr\r\n"
    assert outcome.stderr == b""
    assert outcome.exit_code == 0


async def test_a_new_size_arrives(shim: Path) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do read -t 1 line && exit; done"
    peer = await Peer.run(shim, script, pty=True, rows=24, cols=80)
    await peer.until(b"ready")
    peer.send("resize", rows=50, cols=132)
    await peer.until(b"50 132")
    peer.type(b"\n")
    assert (await peer.rest()).final["type"] == "exit"


async def test_control_c(shim: Path) -> None:
    peer = await Peer.ask(shim, "start", command_id="c", candidates=[["/bin/sh", "-i"]], pty=True, env={"PS1": "> "})
    await peer.until(b"> ")
    # the job itself says that it runs: before it is in the foreground, Ctrl-C goes to the shell
    peer.type(b"sh -c 'echo \"star\"ted; exec sleep 3600'\n")
    await peer.until(b"started")
    peer.type(b"\x03")
    peer.type(b"echo al''ive; exit 3\n")
    await peer.until(b"alive")
    assert (await peer.rest()).exit_code == 3


async def test_control_c_in_a_flood(shim: Path) -> None:
    peer = await Peer.run(shim, "trap 'echo stopped; exit 8' INT; yes", pty=True)
    await peer.until(b"y\r\ny\r\n")
    peer.type(b"\x03")
    outcome = await peer.rest()
    assert outcome.stdout.endswith(b"stopped\r\n")
    assert outcome.exit_code == 8


async def test_the_end_of_input(shim: Path) -> None:
    peer = await Peer.run(shim, "stty -echo; echo ready; cat; echo over", pty=True)
    await peer.until(b"ready")
    peer.type(b"line\n")
    await peer.until(b"line")
    peer.send("close_stdin")
    assert (await peer.rest()).stdout.endswith(b"line\r\nover\r\n")


async def test_a_large_paste_in_lines(shim: Path) -> None:
    lines = b"".join(b"%07d\n" % n for n in range(50_000))
    peer = await Peer.run(shim, "stty -echo; echo ready; wc -c", pty=True)
    await peer.until(b"ready")
    pasting = asyncio.create_task(peer.paste(lines))
    await pasting
    peer.send("close_stdin")
    assert (await peer.rest()).stdout.split()[-1] == b"400000"


async def test_half_a_character_at_a_reload(shim: Path) -> None:
    peer = await Peer.run(shim, "stty -echo; printf 'ready \\360\\237'; read x; printf '\\231\\202'", pty=True)
    await peer.until(b"ready ")
    peer.drop()
    again = await Peer.ask(shim, "attach", command_id="c")
    again.type(b"\n")
    outcome = await again.rest()
    assert "🙂" in outcome.stdout.decode()
    assert (await attach(shim)).stdout == outcome.stdout


async def test_kill(shim: Path) -> None:
    peer = await Peer.run(shim, "trap '' HUP INT TERM; echo ready; while :; do sleep 1; done", pty=True)
    await peer.until(b"ready")
    peer.send("kill")
    assert (await peer.rest()).exit_code == 137


async def test_a_background_job_does_not_hold_the_exit(shim: Path) -> None:
    async with asyncio.timeout(10):
        outcome = await run(shim, "nohup sleep 3608 & sleep 0.1; echo bye", pty=True)
    assert b"bye" in outcome.stdout
    assert outcome.exit_code == 0
