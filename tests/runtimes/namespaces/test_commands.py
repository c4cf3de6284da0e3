"""What is special to commands here: guards, trees, terminals, errors, descriptors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.runtimes.namespaces.conftest import needs_root
from tests.shim.peer import Peer

if TYPE_CHECKING:
    from tests.runtimes.namespaces.conftest import Box

pytestmark = [pytest.mark.kernel, needs_root]


async def test_killing_takes_daemons_along_and_leaves_others(box: Box) -> None:
    other = await Peer.run(box.sandbox.shim_socket, "exec -a bystander sleep 4000", command_id="other")
    await other.message("started")
    script = """
for i in 1 2 3; do (setsid nohup sh -c 'exec -a daemon-of-it sleep 5000' >/dev/null 2>&1 &); done
python3 -c 'import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
print("up", flush=True); os.execvp("sleep", ["daemon-of-it", "5000"])' &
wait; sleep 5000
"""
    peer = await Peer.run(box.sandbox.shim_socket, script, command_id="tree")
    await peer.until(b"up")
    peer.send("kill")
    assert (await peer.rest()).exit_code == 137
    assert (await box.output("ps -eo args | grep -c '[d]aemon-of-it' || true")).strip() == "0"
    assert (await box.output("ps -eo args | grep -c '[b]ystander'")).strip() == "1"


async def test_a_daemon_lives_on_after_its_command(box: Box) -> None:
    await box.output("(setsid sleep 6000 >/dev/null 2>&1 &)")
    assert (await box.output("ps -eo args | grep -c '[s]leep 6000'")).strip() == "1"


async def test_whoever_kills_its_guard_dies_with_it(box: Box) -> None:
    script = "(setsid sleep 7000 &); (setsid sleep 7001 &); echo up; read go; kill -9 $PPID; sleep 7002"
    peer = await Peer.run(box.sandbox.shim_socket, script)
    # A guard that is killed before it has told that its command runs is a command that never started.
    await peer.until(b"up")
    peer.type(b"\n")
    assert (await peer.rest()).exit_code == 137

    async def gone() -> None:
        while (await box.output("ps -eo args | grep -c '[s]leep 700' || true")).strip() != "0":
            pass

    await asyncio.wait_for(gone(), 20)


async def test_kill_reaches_a_stopped_tree(box: Box) -> None:
    peer = await Peer.run(box.sandbox.shim_socket, "sleep 8000 & echo up; kill -STOP $$; echo never", command_id="s")
    await peer.until(b"up")
    peer.send("kill")
    assert (await peer.rest()).exit_code == 137


async def test_default_signals_in_a_command(box: Box) -> None:
    status = await box.output("grep -E 'SigBlk|SigIgn' /proc/self/status")
    assert [int(line.split()[1], 16) for line in status.splitlines()] == [0, 0]
    assert (await box.run("yes | head -1")).exit_code == 0
    assert await box.output("umask") == "0022\n"


async def test_a_terminal_is_the_commands_own(box: Box) -> None:
    script = "tty; stty -a | grep -c ' iutf8'; stat -c %u $(tty); echo $TERM; : > /dev/tty; ps -o tty= -p $$"
    outcome = await box.run(script, pty=True, rows=30, cols=100)
    assert outcome.stdout.decode().split() == ["/dev/pts/0", "1", "0", "xterm-256color", "pts/0"]
    assert outcome.exit_code == 0


async def test_a_signal_goes_to_the_foreground_group(box: Box) -> None:
    child = "trap 'echo child got it; exit 5' USR1; echo up; while :; do sleep 0.05; done"
    script = "set -m; trap 'echo shell got it' USR1; sh -c \"$CHILD\""
    peer = await Peer.run(box.sandbox.shim_socket, script, command_id="t", pty=True, env={"CHILD": child})
    await peer.until(b"up")
    peer.send("signal", signal="SIGUSR1")
    outcome = await peer.rest()
    assert b"child got it" in outcome.stdout
    assert b"shell got it" not in outcome.stdout


async def test_a_signal_goes_to_the_whole_group_of_a_pipeline(box: Box) -> None:
    peer = await Peer.run(
        box.sandbox.shim_socket, "trap 'echo got it; exit 3' INT; echo up; sleep 9000 & wait", command_id="i"
    )
    await peer.until(b"up")
    peer.send("signal", signal="SIGINT")
    assert (await peer.rest()).exit_code == 3


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([["/no/such/program"], ["nor-this-one", "x"]], "program not found: /no/such/program or nor-this-one"),
        ([["/etc/passwd"]], "cannot run /etc/passwd: Permission denied"),
        ([["/usr"]], "cannot run /usr: Permission denied"),
        ([["/tmp/script"]], "cannot run /tmp/script: the interpreter or library that it needs is missing"),
        ([["/tmp/garbage"]], "cannot run /tmp/garbage: not a program of this machine's kind"),
    ],
)
async def test_why_a_program_cannot_start(box: Box, candidates: list[list[str]], expected: str) -> None:
    await box.output(
        "printf '#!/no/such/interpreter\\n' > /tmp/script; printf '\\0\\1\\2' > /tmp/garbage; chmod +x /tmp/*"
    )
    peer = await Peer.ask(box.sandbox.shim_socket, "start", command_id="c", candidates=candidates)
    outcome = await peer.rest()
    assert outcome.error_type == "CommandError"
    assert outcome.final["error"] == expected


async def test_a_later_folder_of_the_path_is_searched(box: Box) -> None:
    await box.output(
        "mkdir -p /tmp/a/tool /tmp/b; echo x > /tmp/c; printf '#!/bin/sh\\necho ok' > /tmp/b/tool; chmod +x /tmp/b/tool"
    )
    env = {"PATH": "/tmp/c:/tmp/missing:/tmp/a:/tmp/b:/usr/bin"}
    peer = await Peer.ask(box.sandbox.shim_socket, "start", command_id="p", candidates=[["tool"]], env=env)
    assert (await peer.rest()).stdout == b"ok\n"


async def test_large_arguments_arrive_whole(box: Box) -> None:
    words = [str(n) * 20_000 for n in range(1, 10)]
    candidates = [["/usr/bin/python3", "-c", "import sys; print([len(w) for w in sys.argv[1:]])", *words]]
    peer = await Peer.ask(box.sandbox.shim_socket, "start", command_id="l", candidates=candidates)
    assert (await peer.rest()).stdout.decode().strip() == str([20_000] * 9)


async def test_odd_bytes_in_arguments_arrive_as_they_are(box: Box) -> None:
    candidates = [
        ["/usr/bin/python3", "-c", "import os, sys; print(os.fsencode(sys.argv[1]))", "\udcff\u00e9\n\U0001f642"]
    ]
    peer = await Peer.ask(box.sandbox.shim_socket, "start", command_id="o", candidates=candidates)
    assert (await peer.rest()).stdout.decode().strip() == repr(b"\xff" + "\u00e9\n\U0001f642".encode())


async def test_a_hundred_commands_leave_no_process_behind(box: Box) -> None:
    for _ in range(10):
        await asyncio.gather(*(box.run("true") for _ in range(10)))
    async with asyncio.timeout(20):
        while (await box.runtime.usage(box.sandbox.id)).pids != 1:
            pass
