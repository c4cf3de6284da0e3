"""Shims to test: one with a fake sandbox in this process, one with real commands in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import Resources, SandboxSpec
from sandboxcore.runtimes.process.driver import ProcessRuntime
from sandboxcore.shim.limits import Limits
from sandboxcore.shim.server import serve
from tests.shim.fakes import FakeSpawner
from tests.shim.peer import close_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

QUICK: dict[str, Any] = {"stall_seconds": 0.3, "linger_seconds": 0.6, "farewell_seconds": 0.5, "survivor_seconds": 0.1}


@dataclass
class FakeShim:
    """A served fake sandbox."""

    path: Path
    spawner: FakeSpawner
    serving: asyncio.Task[None]


@pytest.fixture(autouse=True)
async def _no_open_peers() -> AsyncIterator[None]:
    yield
    await close_all()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, as the paths of sockets must be."""
    place = Path(tempfile.mkdtemp(prefix="shim"))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def serve_fake(folder: Path) -> Callable[..., AbstractAsyncContextManager[FakeShim]]:
    """Serve a fake sandbox with limits of the test's choice; times are short unless given."""

    @asynccontextmanager
    async def start(**limits: Any) -> AsyncIterator[FakeShim]:
        spawner = FakeSpawner()
        path = folder / "shim.sock"
        serving = asyncio.create_task(
            serve(spawner, str(path), allowed_uids={os.getuid()}, limits=Limits(**{**QUICK, **limits}))
        )
        await asyncio.sleep(0)
        try:
            yield FakeShim(path, spawner, serving)
        finally:
            spawner.end()
            await serving
            spawner.clean_up()

    return start


@pytest.fixture
async def fake(serve_fake: Callable[..., AbstractAsyncContextManager[FakeShim]]) -> AsyncIterator[FakeShim]:
    """A fake sandbox's shim with small rings and short times."""
    async with serve_fake(ring_bytes=64 * 1024, read_bytes=8 * 1024) as shim:
        yield shim


@pytest.fixture
async def sandbox(folder: Path) -> AsyncIterator[Path]:
    """The socket of a real shim that runs real commands, without isolation."""
    runtime = ProcessRuntime(folder)
    await runtime.start()
    spec = SandboxSpec(str(uuid.uuid4()), "host", Resources(1000, 1 << 30, 1 << 30), "box")
    made = await runtime.create(spec)
    try:
        yield made.shim_socket
    finally:
        await runtime.destroy(spec.id)
