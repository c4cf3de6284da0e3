"""Limits hold, break nothing beyond what they must, and never reach a neighbour."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import Resources
from tests.runtimes.namespaces.conftest import MIB, Box, needs_root, spec
from tests.shim.peer import Peer

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
    from tests.runtimes.namespaces.conftest import Host

pytestmark = [pytest.mark.kernel, needs_root]

SPIN = "python3 -c 'import time; end = time.monotonic() + 2\nwhile time.monotonic() < end: pass'"


@pytest.fixture
async def small(runtime: NamespacesRuntime, shared_host: Host) -> Box:
    """Half a core, 64 MiB of memory, 32 MiB of storage, 24 processes."""
    resources = Resources(cpu_millis=500, memory_bytes=64 * MIB, storage_bytes=32 * MIB, pids=24)
    return Box(runtime, await runtime.create(spec(resources=resources)), shared_host)


async def test_processor_time(runtime: NamespacesRuntime, small: Box) -> None:
    before = await runtime.usage(small.sandbox.id)
    began = time.monotonic()
    await small.output(f"{SPIN} & {SPIN} & wait")
    elapsed = time.monotonic() - began
    after = await runtime.usage(small.sandbox.id)
    assert before.cpu_seconds is not None
    assert after.cpu_seconds is not None
    used = (after.cpu_seconds - before.cpu_seconds) / elapsed
    assert 0.2 < used < 0.6
    assert after.throttled_seconds is not None
    assert after.throttled_seconds > 0


async def test_a_memory_bomb_is_killed_and_the_sandbox_lives(runtime: NamespacesRuntime, small: Box, box: Box) -> None:
    outcome = await small.run("exec python3 -c 'x = bytearray(1 << 30); x[::4096] = b\"x\" * len(x[::4096])'")
    assert outcome.exit_code == 137
    assert await small.output("echo alive") == "alive\n"
    usage = await runtime.usage(small.sandbox.id)
    assert usage.oom_kills is not None
    assert usage.oom_kills >= 1
    assert (await runtime.usage(box.sandbox.id)).oom_kills == 0


async def test_files_in_memory_cannot_kill_the_sandbox(small: Box) -> None:
    outcome = await small.run("cat /dev/zero > /tmp/full; cat /dev/zero > /dev/shm/full")
    assert outcome.stderr.count(b"No space left") == 2
    await small.run("i=0; while : > /tmp/f$i; do i=$((i+1)); done 2>/dev/null")
    assert await small.output("echo alive") == "alive\n"


async def test_a_fork_bomb_is_held_explained_and_ended(small: Box, box: Box) -> None:
    bomb = await Peer.run(small.sandbox.shim_socket, "b() { b | b & }; b; wait; sleep 60", command_id="bomb")
    await bomb.message("started")

    async def refused() -> str:
        while True:
            outcome = await small.run("true")
            if "error" in outcome.final:
                return str(outcome.final["error"])

    error = await asyncio.wait_for(refused(), 20)
    assert "no processes left (limit 24)" in error
    assert await box.output("echo unmoved") == "unmoved\n"
    bomb.send("kill")
    assert (await bomb.rest()).exit_code == 137
    assert await small.output("echo alive; ls /proc | grep -c '^[0-9]'") in {"alive\n4\n", "alive\n5\n", "alive\n6\n"}


async def test_a_full_disk(runtime: NamespacesRuntime, small: Box, box: Box) -> None:
    outcome = await small.run("dd if=/dev/zero of=/root/full bs=1M")
    assert b"No space left on device" in outcome.stderr
    usage = await runtime.usage(small.sandbox.id)
    assert usage.storage_bytes is not None
    assert 20 * MIB < usage.storage_bytes <= 32 * MIB
    outcome = await small.run("dd if=/dev/zero of=/usr/share/full bs=1M")
    assert b"No space left on device" in outcome.stderr
    await small.output("rm /root/full; echo fits > /root/f; sync")
    await box.output("dd if=/dev/zero of=/root/fits bs=1M count=20 status=none; rm /root/fits")


async def test_usage_of_an_idle_sandbox(runtime: NamespacesRuntime, box: Box) -> None:
    usage = await runtime.usage(box.sandbox.id)
    assert usage.pids == 1
    assert usage.memory_bytes is not None
    assert usage.memory_bytes < 8 * MIB
    assert usage.storage_bytes is not None
    assert usage.storage_bytes < 2 * MIB


async def test_terminals_of_the_machine_cannot_be_used_up(box: Box, small: Box) -> None:
    source = """
import os
opened = 0
try:
    while True:
        os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
        opened += 1
except OSError as error:
    print(opened, os.strerror(error.errno))
"""
    opened, _, why = (await box.python(source)).partition(" ")
    assert int(opened) <= 256
    assert why == "No space left on device"
    outcome = await small.run("tty", pty=True, rows=24, cols=80)
    assert outcome.exit_code == 0
