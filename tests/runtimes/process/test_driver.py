"""What only the process runtime does, and what becomes of its shims."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import (
    Resources,
    RuntimeUnavailableError,
    SandboxSpec,
    StartFailedError,
    VolumeMount,
)
from sandboxcore.runtimes.process import driver
from sandboxcore.runtimes.process.driver import ProcessRuntime
from sandboxcore.runtimes.process.tree import snapshot
from tests.shim.peer import Peer, close_all, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RESOURCES = Resources(cpu_millis=1000, memory_bytes=1 << 30, storage_bytes=1 << 30)


def spec(**changes: object) -> SandboxSpec:
    fields = {"id": str(uuid.uuid4()), "image": "host", "resources": RESOURCES, "hostname": "box", **changes}
    return SandboxSpec(**fields)  # type: ignore[arg-type]


@pytest.fixture
async def runtime() -> AsyncIterator[ProcessRuntime]:
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    runtime = ProcessRuntime(folder)
    await runtime.start()
    yield runtime
    await close_all()
    for left in await runtime.list_owned():
        await runtime.destroy(left.id)
    shutil.rmtree(folder)


def test_it_says_that_nothing_is_isolated(tmp_path: Path) -> None:
    capabilities = ProcessRuntime(tmp_path).capabilities()
    assert not capabilities.isolated
    assert "isolated" in capabilities.notes[0]


async def test_a_folder_that_cannot_be_used() -> None:
    with pytest.raises(RuntimeUnavailableError) as caught:
        await ProcessRuntime(Path("/dev/null/run")).start()
    assert "SANDBOXD_RUN_DIR" in caught.value.remedy


async def test_a_shim_that_was_killed_is_dead_and_can_be_replaced(runtime: ProcessRuntime) -> None:
    wanted = spec()
    made = await runtime.create(wanted)
    peer = await Peer.run(made.shim_socket, "echo $$; sleep 3611")
    await peer.until(b"\n")
    os.kill(shim_pid(made.shim_socket), signal.SIGKILL)
    await peer.rest()
    async with asyncio.timeout(10):
        while (dead := await runtime.inspect(wanted.id)) is None or dead.state == "running":
            await asyncio.sleep(0.01)
    assert dead.reason == "its shim has ended"
    again = await runtime.create(wanted)
    assert not alive(int(peer.outcome.stdout))
    assert (await run(again.shim_socket, "echo back")).stdout == b"back\n"


async def test_a_shim_that_hangs_is_ended(runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_END_SECONDS", 0.1)
    made = await runtime.create(spec())
    peer = await Peer.run(made.shim_socket, "echo $$; sleep 3612")
    await peer.until(b"\n")
    os.kill(shim_pid(made.shim_socket), signal.SIGSTOP)
    await runtime.destroy(made.id)
    assert await runtime.inspect(made.id) is None
    assert not alive(int(peer.outcome.stdout))


async def test_daemons_end_with_the_sandbox(runtime: ProcessRuntime) -> None:
    made = await runtime.create(spec())
    script = "(setsid env -i sh -c 'echo $$ > pid; exec sleep 3613' &); until [ -s pid ]; do sleep 0.01; done; cat pid"
    pid = int((await run(made.shim_socket, script)).stdout)
    assert alive(pid)
    await runtime.destroy(made.id)
    assert not alive(pid)


async def test_the_shim_does_not_hold_its_starter(runtime: ProcessRuntime) -> None:
    made = await runtime.create(spec())
    shim = shim_pid(made.shim_socket)
    assert snapshot()[shim].parent != os.getpid()
    assert os.getsid(shim) != os.getsid(0)


async def test_what_it_cannot_make(runtime: ProcessRuntime) -> None:
    for changes, kind in (
        ({"image": "python:3.12"}, "ImagePull"),
        ({"mounts": (VolumeMount("v", "/data"),)}, "SandboxConfig"),
        ({"id": "../x"}, "SandboxConfig"),
    ):
        with pytest.raises(StartFailedError) as caught:
            await runtime.create(spec(**changes))
        assert caught.value.kind == kind
    assert await runtime.list_owned() == []


async def test_a_shim_that_cannot_start_says_why(runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver.sys, "executable", shutil.which("false"))
    with pytest.raises(StartFailedError) as caught:
        await runtime.create(spec())
    assert caught.value.kind == "CrashLoop"
    assert await runtime.list_owned() == []


async def test_folders_without_rights_are_removed(runtime: ProcessRuntime) -> None:
    made = await runtime.create(spec())
    await run(made.shim_socket, "mkdir -p a/b/c; touch a/b/c/f; chmod 0 a/b/c a/b a")
    await runtime.destroy(made.id)
    assert not made.shim_socket.parent.exists()


async def test_files_of_others_in_the_folder_are_no_sandboxes(runtime: ProcessRuntime) -> None:
    made = await runtime.create(spec())
    (made.shim_socket.parent.parent / "notes").mkdir()
    assert [sandbox.id for sandbox in await runtime.list_owned()] == [made.id]


def shim_pid(socket: Path) -> int:
    return int((socket.parent / "shim.lock").read_text())


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
