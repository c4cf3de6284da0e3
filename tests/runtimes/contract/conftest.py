"""One sandbox of each runtime that this machine can run; a new runtime is added to ``RUNTIMES``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes import registry
from sandboxcore.runtimes.base import Resources, SandboxSpec
from sandboxcore.runtimes.namespaces import host as host_module
from tests.shim.peer import close_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sandboxcore.runtimes.base import Runtime, RuntimeSandbox

RUNTIMES = {
    "namespaces": "host_folder",
    "process": "plain_folder",
}
"""Each runtime and the fixture that gives the folder in which it works."""
RESOURCES = Resources(cpu_millis=1000, memory_bytes=512 << 20, storage_bytes=1 << 30, pids=256)


def spec(**changes: Any) -> SandboxSpec:
    """A sandbox to make, with an id of its own."""
    fields = {"id": str(uuid.uuid4()), "image": "host", "resources": RESOURCES, "hostname": "contract"}
    return SandboxSpec(**{**fields, **changes})


@pytest.fixture(autouse=True)
async def _no_open_peers() -> AsyncIterator[None]:
    yield
    await close_all()


@pytest.fixture(scope="session")
def plain_folder() -> Iterator[Path]:
    """A folder with a short name, as the paths of sockets must be."""
    folder = Path(tempfile.mkdtemp(prefix="rt"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def host_folder() -> Iterator[Path]:
    """The run folder of a host that serves all tests of this run."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("namespaces with limits need root on Linux")
    folder = Path(tempfile.mkdtemp(prefix="ns"))
    folder.chmod(0o755)
    run_dir = folder / "run"
    with (folder / "host.log").open("wb") as log:
        host = subprocess.Popen(
            [sys.executable, "-I", "-S", host_module.__file__, "--state-dir", folder / "state", "--run-dir", run_dir],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={},
        )
    deadline = time.monotonic() + 20
    while not (run_dir / "host.sock").exists():
        assert host.poll() is None, (folder / "host.log").read_text()
        assert time.monotonic() < deadline, (folder / "host.log").read_text()
        time.sleep(0.01)
    yield run_dir
    host.send_signal(signal.SIGTERM)
    host.wait(20)
    shutil.rmtree(folder)


@pytest.fixture(params=sorted(RUNTIMES))
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    """A started runtime; what a test leaves in it is destroyed."""
    made = registry.load(request.param, run_dir=request.getfixturevalue(RUNTIMES[request.param]))
    await made.start()
    yield made
    for left in await made.list_owned():
        await made.destroy(left.id)
    await made.close()


@pytest.fixture
async def box(runtime: Runtime) -> RuntimeSandbox:
    """A running sandbox."""
    return await runtime.create(spec())


@pytest.fixture
def shim(box: RuntimeSandbox) -> Path:
    """The socket of a running sandbox's shim."""
    return box.shim_socket
