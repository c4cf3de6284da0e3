"""What sandboxes use on the real kernel: processor, memory, kills, and a listener, from the SDK's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sandboxcore import SandboxClient, SandboxUsage
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandboxcore import MetricsPoint, Sandbox
    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]

MIB = 1 << 20
BURN = "python3 -c 'while True: pass' & exec python3 -c 'while True: pass'"
HOLD = "exec python3 -c 'import time; held = bytearray(48 << 20); print(len(held), flush=True); time.sleep(600)'"
BURST = "exec python3 -c 'x = bytearray(1 << 30); x[::4096] = b\"x\" * len(x[::4096])'"
LISTEN = "exec python3 -m http.server 8123 --bind 127.0.0.1"


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[SandboxClient]:
    with SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def sandbox(client: SandboxClient) -> Iterator[Sandbox]:
    """Half a core and 96 MiB."""
    name = f"readings-{uuid4().hex[:8]}"
    client.create_template(name, "host", cpu="500m", memory="96Mi", storage="64Mi")
    with client.sandbox(name, timeout=60) as sandbox:
        yield sandbox
    client.delete_template(name)


def points(sandbox: Sandbox) -> tuple[MetricsPoint, ...]:
    return sandbox.metrics(step=10).points


def newest(sandbox: Sandbox, name: str) -> Any:
    """A figure of the newest point; 0 where there is none yet."""
    found = points(sandbox)
    return getattr(found[-1], name) if found else 0


def test_a_process_that_burns_shows_and_is_throttled(client: SandboxClient, sandbox: Sandbox) -> None:
    handle = sandbox.run(BURN, wait=False)
    try:
        # Less than its share, where the machine has others to serve.
        until(lambda: (newest(sandbox, "cpu_millis") or 0) > 100)
        assert newest(sandbox, "cpu_millis") < 700, "more than its limit"
        until(lambda: sum(point.throttled_seconds or 0 for point in points(sandbox)) > 0)
        burners = [each for each in sandbox.processes() if each.command == "python3 -c while True: pass"]
        assert len(burners) == 2
        assert sum(each.cpu_seconds for each in burners) > 0.1
        assert {each.user for each in burners} == {"root"}
        until(lambda: (client.get_sandbox(sandbox.name, include="usage").usage or SandboxUsage("")).cpu_millis)
        assert (client.get_metrics().points[-1].cpu_millis or 0) > 0
    finally:
        handle.kill()


def test_memory_that_a_process_holds_shows(sandbox: Sandbox) -> None:
    handle = sandbox.run(HOLD, wait=False)
    try:
        until(lambda: newest(sandbox, "memory_bytes") > 48 * MIB)
        assert newest(sandbox, "memory_bytes") < 96 * MIB
        assert newest(sandbox, "pids") >= 2
    finally:
        handle.kill()


def test_a_kill_for_lack_of_memory_is_counted(sandbox: Sandbox) -> None:
    before = sum(point.oom_kills or 0 for point in points(sandbox))
    assert sandbox.run(BURST).exit_code == 137
    until(lambda: sum(point.oom_kills or 0 for point in points(sandbox)) > before)


def test_a_listener_is_found_and_what_it_sends_is_counted(sandbox: Sandbox) -> None:
    handle = sandbox.run(LISTEN, wait=False)
    try:
        until(lambda: [port.port for port in sandbox.ports()] == [8123])
        (port,) = sandbox.ports()
        assert (port.address, port.command) == ("127.0.0.1", "python3 -m http.server 8123 --bind 127.0.0.1")
        assert port.pid == handle.pid
        get = 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:8123/").status)'
        assert sandbox.run(f"python3 -c '{get}'").stdout == "200\n"
        until(lambda: any((point.tx_bytes_per_second or 0) > 0 for point in points(sandbox)))
    finally:
        handle.kill()


def test_disk_that_is_used_shows(sandbox: Sandbox) -> None:
    sandbox.run("head -c 20000000 /dev/urandom > ~/large && sync")
    until(lambda: newest(sandbox, "storage_bytes") > 20_000_000)
    limits = sandbox.metrics().limits
    assert limits == {"cpu_millis": 500, "memory_bytes": 96 * MIB, "storage_bytes": 64 * MIB, "pids": 512}
