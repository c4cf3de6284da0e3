"""What a sandbox costs through the API and the SDK: to make, to run in, to stream from, to keep."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from bench.figures import Series
from bench.memory import Peak, pss

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
        series = Series("stream")
        received = 0
        # A line of 100 characters over and over; `yes` is not what limits.
        command = f"yes {'x' * 99} | head -c {STREAM_BYTES}"
        shim, _ = processes_of(stack, str(sandbox.id))
        with Peak(sandboxd=stack.pid_of("sandboxd"), shim=shim, client=os.getpid()) as peak, series.measure():
            handle = sandbox.run(command, timeout=300, wait=False, collect=False)
            for chunk in handle:
                received += len(chunk.data)
        assert received == STREAM_BYTES, f"{received} of {STREAM_BYTES} bytes arrived"
        assert handle.result.exit_code == 0
    growth = ", ".join(f"{name} +{size / 1e6:.1f} MB" for name, size in peak.growth().items())
    return f"one stream through the SDK: {STREAM_BYTES / series.median / 1e6:.0f} MB/s (peak memory: {growth})"


def idle_memory(client: SandboxClient, stack: Stack, count: int = 20) -> str:
    """Memory that an idle sandbox costs: its shim and its PID 1, pages shared with others by their share."""
    made = [client.create_sandbox(TEMPLATE) for _ in range(count)]
    pairs = [processes_of(stack, str(sandbox.id)) for sandbox in made]
    shims, inits = (sum(pss(pair[place]) for pair in pairs) / count / 1e6 for place in (0, 1))
    for sandbox in made:
        client.delete_sandbox(sandbox.name)
    return (
        f"memory of an idle sandbox: {shims + inits:.2f} MB PSS "
        f"(shim {shims:.2f}, PID 1 {inits:.2f}; mean of {count} at once)"
    )


def processes_of(stack: Stack, sandbox_id: str) -> tuple[int, int]:
    """The process ids of a sandbox's shim and PID 1, from the host's records."""
    record = json.loads((stack.run_dir / "records" / f"{sandbox_id}.json").read_text())
    return record["shim"]["pid"], record["init"]["pid"]
