"""One sandbox of each runtime that this machine can run; a new runtime is added to ``RUNTIMES``."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import Resources, Runtime, RuntimeSandbox, SandboxSpec
from sandboxcore.runtimes.process.driver import ProcessRuntime
from tests.shim.peer import close_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

RESOURCES = Resources(cpu_millis=1000, memory_bytes=512 << 20, storage_bytes=1 << 30, pids=256)


@asynccontextmanager
async def _process(folder: Path) -> AsyncIterator[Runtime]:
    runtime = ProcessRuntime(folder)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.close()


RUNTIMES: dict[str, Callable[[Path], AbstractAsyncContextManager[Runtime]]] = {"process": _process}


def spec(**changes: Any) -> SandboxSpec:
    """A sandbox to make, with an id of its own."""
    fields = {"id": str(uuid.uuid4()), "image": "host", "resources": RESOURCES, "hostname": "contract"}
    return SandboxSpec(**{**fields, **changes})


@pytest.fixture(autouse=True)
async def _no_open_peers() -> AsyncIterator[None]:
    yield
    await close_all()


@pytest.fixture(params=sorted(RUNTIMES))
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    """A started runtime; what a test leaves in it is destroyed."""
    folder = Path(tempfile.mkdtemp(prefix="rt"))
    try:
        async with RUNTIMES[request.param](folder) as made:
            yield made
            for left in await made.list_owned():
                await made.destroy(left.id)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def box(runtime: Runtime) -> RuntimeSandbox:
    """A running sandbox."""
    return await runtime.create(spec())


@pytest.fixture
def shim(box: RuntimeSandbox) -> Path:
    """The socket of a running sandbox's shim."""
    return box.shim_socket
