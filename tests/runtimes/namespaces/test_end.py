"""However a sandbox ends, nothing of it is left; however the host ends, sandboxes go on or are gone whole."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import SandboxGoneError, StartFailedError
from sandboxcore.runtimes.namespaces import host as host_module
from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
from sandboxcore.runtimes.namespaces.host import instance_of
from sandboxcore.runtimes.namespaces.records import BOOT_ID
from sandboxcore.shim.wire import encode_control
from tests.runtimes.namespaces.conftest import Box, control_groups, needs_root, spec, wait_until
from tests.shim.peer import Peer, attach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.runtimes.namespaces.conftest import Host

pytestmark = [pytest.mark.kernel, needs_root]


@pytest.fixture
async def runtime(host: Host) -> AsyncIterator[NamespacesRuntime]:
    """A runtime on a host that the test may kill."""
    runtime = NamespacesRuntime(host.run_dir)
    await runtime.start()
    yield runtime
    await runtime.close()


async def busy_box(runtime: NamespacesRuntime, host: Host) -> Box:
    """A sandbox with daemons, files, a terminal and a command that runs on."""
    box = Box(runtime, await runtime.create(spec()), host)
    await box.output("(setsid sleep 3000 >/dev/null 2>&1 &); echo x > /root/f; echo x > /tmp/f")
    peer = await Peer.run(box.sandbox.shim_socket, "echo up; sleep 3000", command_id="on", pty=True)
    await peer.until(b"up")
    return box


def processes_of(box: Box) -> tuple[int, int]:
    """The shim and PID 1, as this machine counts."""
    text = (box.host.run_dir / "records" / f"{box.sandbox.id}.json").read_text()
    record = json.loads(text)
    return record["shim"]["pid"], record["init"]["pid"]


async def dead(runtime: NamespacesRuntime, box: Box) -> str:
    """Wait until the runtime knows that it is dead; why it is."""
    async with asyncio.timeout(20):
        while True:
            found = await runtime.inspect(box.sandbox.id)
            assert found is not None
            if found.state == "dead":
                return found.reason or ""


async def test_destroy_leaves_nothing(runtime: NamespacesRuntime, host: Host) -> None:
    box = await busy_box(runtime, host)
    traces = host.traces()
    assert all(traces[name] for name in ("processes", "loop devices", "groups", "folders", "records")), traces
    await runtime.destroy(box.sandbox.id)
    assert host.is_clean(), host.traces()
    assert await runtime.list_owned() == []


async def test_many_made_and_destroyed_at_once(runtime: NamespacesRuntime, host: Host) -> None:
    specs = [spec() for _ in range(16)]
    made = await asyncio.gather(*(runtime.create(one) for one in specs))
    assert len({box.shim_socket for box in made}) == 16
    assert len(await runtime.list_owned()) == 16
    await asyncio.gather(*(runtime.destroy(box.id) for box in made))
    assert host.is_clean(), host.traces()


async def test_destroy_in_the_middle_of_a_create(runtime: NamespacesRuntime, host: Host) -> None:
    for _ in range(6):
        wanted = spec()
        creating = asyncio.create_task(runtime.create(wanted))
        await asyncio.sleep(0)
        await runtime.destroy(wanted.id)
        try:
            await creating
        except StartFailedError:
            continue
        await runtime.destroy(wanted.id)
    # The kernel lets go of a loop device a moment after the last process that had it mounted has been killed.
    wait_until(host.is_clean, "nothing is left")


@pytest.mark.parametrize("victim", ["shim", "init"])
async def test_a_killed_process_takes_its_sandbox_along(runtime: NamespacesRuntime, host: Host, victim: str) -> None:
    box = await busy_box(runtime, host)
    neighbour = await busy_box(runtime, host)
    shim, init = processes_of(box)
    os.kill({"shim": shim, "init": init}[victim], signal.SIGKILL)
    reason = await dead(runtime, box)
    assert {"shim": "shim", "init": "first process"}[victim] in reason
    with pytest.raises(SandboxGoneError):
        await runtime.usage(box.sandbox.id)
    wait_until(lambda: len(host.loop_devices()) == 1 and len(host.groups()) == len({*host.groups()}), "it is gone")
    wait_until(lambda: not any(box.sandbox.id in str(path) for path in host.groups()), "its groups are gone")
    assert await neighbour.output("echo unmoved") == "unmoved\n"
    await runtime.destroy(box.sandbox.id)
    assert await runtime.inspect(box.sandbox.id) is None
    await runtime.destroy(neighbour.sandbox.id)
    assert host.is_clean(), host.traces()


async def test_a_dead_sandbox_of_the_same_id_can_be_made_again(runtime: NamespacesRuntime, host: Host) -> None:
    wanted = spec()
    box = Box(runtime, await runtime.create(wanted), host)
    os.kill(processes_of(box)[1], signal.SIGKILL)
    await dead(runtime, box)
    again = await runtime.create(wanted)
    assert again.state == "running"
    assert await Box(runtime, again, host).output("echo anew") == "anew\n"


async def test_sandboxes_and_their_commands_survive_the_host(runtime: NamespacesRuntime, host: Host) -> None:
    box = await busy_box(runtime, host)
    script = "for i in $(seq 1 400); do echo line $i; sleep 0.005; done"
    peer = await Peer.run(box.sandbox.shim_socket, script, command_id="count")
    await peer.until(b"line 20\n")
    host.end(signal.SIGKILL)
    await peer.until(b"line 100\n")
    host.start()
    found = await runtime.list_owned()
    assert [(one.id, one.state) for one in found] == [(box.sandbox.id, "running")]
    assert found[0].created_at == box.sandbox.created_at
    assert bytes((await peer.rest()).stdout) == b"".join(b"line %d\n" % n for n in range(1, 401))
    assert (await attach(box.sandbox.shim_socket, "count")).exit_code == 0
    assert await box.output("cat /root/f") == "x\n"
    assert (await runtime.usage(box.sandbox.id)).pids is not None
    await runtime.destroy(box.sandbox.id)
    assert host.is_clean(), host.traces()


async def test_a_sandbox_that_died_while_no_host_ran(runtime: NamespacesRuntime, host: Host) -> None:
    box = await busy_box(runtime, host)
    shim, _ = processes_of(box)
    host.end(signal.SIGKILL)
    os.kill(shim, signal.SIGKILL)
    host.start()
    assert "shim" in await dead(runtime, box)
    await runtime.destroy(box.sandbox.id)
    assert host.is_clean(), host.traces()


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 25])
async def test_a_host_killed_in_the_middle_of_a_create_leaves_nothing_half_made(host: Host, after: int) -> None:
    ids = [str(uuid.uuid4()) for _ in range(3)]
    _, writer = await asyncio.open_unix_connection(str(host.socket))
    for seq, sandbox_id in enumerate(ids):
        fields = spec(id=sandbox_id)
        request = {"id": fields.id, "image": "host", "hostname": "h", "resources": _resources(fields)}
        writer.write(encode_control({"op": "create", "seq": seq, "spec": request}))
    await writer.drain()
    await asyncio.sleep(after / 1000)  # the moment of the kill is what this test is about
    host.end(signal.SIGKILL)
    writer.close()
    host.start()
    runtime = NamespacesRuntime(host.run_dir)
    await runtime.start()
    for sandbox in await runtime.list_owned():
        if sandbox.state == "running":
            assert await Box(runtime, sandbox, host).output("echo whole") == "whole\n"
        await runtime.destroy(sandbox.id)
    wait_until(host.is_clean, f"nothing is left, but {host.traces()}")
    await runtime.close()


def _resources(wanted: object) -> dict[str, int]:
    resources = wanted.resources  # type: ignore[attr-defined]
    return {name: getattr(resources, name) for name in ("cpu_millis", "memory_bytes", "storage_bytes", "pids")}


async def test_everything_is_ended_without_a_host(runtime: NamespacesRuntime, host: Host) -> None:
    for _ in range(3):
        await busy_box(runtime, host)
    assert host.clean().returncode == 2, "a host still serves"
    host.end(signal.SIGKILL)
    stranger = host.run_dir / "records" / f"{uuid.uuid4()}.json"
    stranger.write_text(_record_of_this_process(stranger.stem))
    done = host.clean()
    assert done.returncode == 0, done.stderr
    assert host.is_clean(), host.traces()
    host.start()


def _record_of_this_process(sandbox_id: str) -> str:
    """A record whose process id is now another's: this test's, which must survive."""
    ours = {"pid": os.getpid(), "start": 1}
    record = {"id": sandbox_id, "state": "running", "created_at": 1.0, "boot": BOOT_ID.read_text().strip()}
    return json.dumps({**record, "index": None, "layer": "loop", "shim": ours, "init": ours, "reason": None})


def test_a_second_host_on_the_same_folder_refuses(host: Host) -> None:
    second = subprocess.run(
        [sys.executable, "-I", "-S", *host.arguments(host_module.__file__)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert second.returncode == 2
    assert "another host serves" in second.stderr
    assert host.socket.exists()


async def test_a_broken_record_takes_its_sandbox_along(runtime: NamespacesRuntime, host: Host) -> None:
    box = await busy_box(runtime, host)
    host.end(signal.SIGKILL)
    (host.run_dir / "records" / f"{box.sandbox.id}.json").write_text("{")
    host.start()
    wait_until(host.is_clean, "it is removed")
    assert await runtime.list_owned() == []


def test_what_has_no_record_is_removed_at_start(host: Host) -> None:
    host.end(signal.SIGKILL)
    stray = str(uuid.uuid4())
    (host.run_dir / "sandboxes" / stray).mkdir()
    (host.state_dir / "layers" / stray / "root" / "deep").mkdir(parents=True)
    parents = control_groups(f"{instance_of(host.run_dir)}/")
    assert parents
    for parent in parents:
        (parent / stray).mkdir()
    host.start()
    wait_until(host.is_clean, "strays are removed")
