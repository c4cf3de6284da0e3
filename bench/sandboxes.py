"""What a sandbox costs through the API and the SDK: to make, to run in, to stream from, to keep."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Series
from bench.memory import Peak, descendants, pss

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.stack import Stack

TEMPLATE = "bench"
STREAM_BYTES = 400_000_000


def prepare(client: SandboxClient) -> None:
    """The template that every measurement uses."""
    client.create_template(name=TEMPLATE, image="host", cpu="2", memory="1Gi")


def floor() -> Series:
    """The least that a process costs on this machine: plain ``sh -c true``."""
    series = Series("sh -c true, no sandbox (the floor)")
    for _ in range(100):
        with series.measure():
            subprocess.run(["/bin/sh", "-c", "true"], check=True)
    return series


def create_to_first_output(client: SandboxClient, count: int = 40) -> Series:
    """From asking for a new sandbox to the first byte that a command in it printed; no pool."""
    series = Series("create -> first output, cold, through the API")
    for _ in range(count):
        with series.measure():
            sandbox = client.create_sandbox(TEMPLATE)
            handle = sandbox.run("echo hello", wait=False)
            chunk = next(iter(handle))
        assert chunk.data == "hello\n"
        client.delete_sandbox(sandbox.name)
    return series


def run_true(client: SandboxClient, count: int = 200) -> Series:
    """One command that does nothing, through the SDK."""
    series = Series('run("true") through the SDK')
    with client.sandbox(TEMPLATE) as sandbox:
        sandbox.run("true")
        for _ in range(count):
            with series.measure():
                assert sandbox.run("true").success
    return series


def stream(client: SandboxClient, stack: Stack) -> str:
    """Bytes a second of one command's output through the SDK, and what each process's memory grew by meanwhile."""
    with client.sandbox(TEMPLATE) as sandbox:
        sandboxd = stack.pid_of("sandboxd")
        shim = newest_shim(stack)
        series = Series("stream")
        received = 0
        # A line of 100 characters over and over; `yes` is not what limits.
        command = f"yes {'x' * 99} | head -c {STREAM_BYTES}"
        with Peak(sandboxd=sandboxd, shim=shim, client=os.getpid()) as peak, series.measure():
            handle = sandbox.run(command, timeout=300, wait=False)
            for chunk in handle:
                received += len(chunk.data)
        assert received == STREAM_BYTES, f"{received} of {STREAM_BYTES} bytes arrived"
        assert handle.result.exit_code == 0
    growth = ", ".join(f"{name} +{size / 1e6:.1f} MB" for name, size in peak.growth().items())
    return f"one stream through the SDK: {STREAM_BYTES / series.median / 1e6:.0f} MB/s ({growth})"


def newest_shim(stack: Stack) -> int:
    """The shim of the sandbox that was made last."""
    host = stack.pid_of("host")
    candidates = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) > host and b"shim.sock" in sockets_of(entry)
    ]
    return max(candidates)


def sockets_of(entry: Path) -> bytes:
    """The unix socket paths that a process listens on, as the kernel lists them for its network namespace."""
    inodes = set()
    try:
        for descriptor in (entry / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1].encode())
        table = (entry / "net/unix").read_bytes()
    except OSError:
        return b""
    return b"\n".join(line for line in table.splitlines() if len(line.split()) > 7 and line.split()[6] in inodes)


def idle_memory(client: SandboxClient, stack: Stack, count: int = 20) -> str:
    """Memory that an idle sandbox costs: its shim and its PID 1, shared pages by their share."""
    before = set(all_processes())
    names = [client.create_sandbox(TEMPLATE).name for _ in range(count)]
    made = set(all_processes()) - before
    total = sum(pss(pid) for pid in made)
    for name in names:
        client.delete_sandbox(name)
    each = f"{len(made) / count:.1f} processes each, {count} at once"
    return f"memory of an idle sandbox: {total / count / 1e6:.2f} MB PSS ({each})"


def all_processes() -> list[int]:
    """Every process of this machine."""
    return descendants(1) + descendants(0)
