"""A connection to a port of a sandbox, on a shim that is served here."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandboxcore.server.auth import Caller
from sandboxcore.server.dataplane.dial import DialError, PortClosedError, StreamResetError, dial
from sandboxcore.server.dataplane.target import Target
from sandboxcore.shim.limits import Limits
from sandboxcore.shim.server import serve
from tests.shim.fakes import FakeSpawner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    folder = Path(tempfile.mkdtemp(prefix="dial"))
    spawner = FakeSpawner()
    path = str(folder / "shim.sock")
    limits = Limits(farewell_seconds=0.5)
    serving = asyncio.create_task(serve(spawner, path, allowed_uids={os.getuid()}, limits=limits))
    await asyncio.sleep(0)
    caller = Caller(**dict.fromkeys(Caller.__dataclass_fields__, "x"))  # type: ignore[arg-type]
    yield Target("id", "box", path, caller)
    spawner.end()
    await serving
    shutil.rmtree(folder)


@contextmanager
def listening() -> Iterator[tuple[int, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        yield listener.getsockname()[1], listener


def accepted(listener: socket.socket) -> socket.socket:
    program, _ = listener.accept()
    program.settimeout(20)
    return program


async def test_it_works(target: Target) -> None:
    with listening() as (port, listener):
        async with await dial(target, port) as stream:
            with accepted(listener) as program:
                await stream.write(b"question")
                await stream.end()
                await stream.end()
                assert await asyncio.to_thread(program.makefile("rb").read) == b"question"
                program.sendall(b"answer")
            assert await stream.read(3) == b"ans"
            assert await stream.read(100) == b"wer"
            assert await stream.read(100) == b""
            assert await stream.read(100) == b""


async def test_nothing_listens(target: Target) -> None:
    with listening() as (port, _):
        pass
    with pytest.raises(PortClosedError, match=str(port)):
        await dial(target, port)


async def test_a_sandbox_that_is_gone() -> None:
    caller = Caller(**dict.fromkeys(Caller.__dataclass_fields__, "x"))  # type: ignore[arg-type]
    with pytest.raises(DialError, match="cannot be reached"):
        await dial(Target("id", "box", "/nonexistent/shim.sock", caller), 80)


async def test_a_program_that_resets(target: Target) -> None:
    with listening() as (port, listener):
        async with await dial(target, port) as stream:
            program = accepted(listener)
            program.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            program.close()
            with pytest.raises(StreamResetError, match="reset"):
                await stream.read(1)


async def test_an_abort_is_a_reset_to_the_program(target: Target) -> None:
    with listening() as (port, listener):
        stream = await dial(target, port)
        with accepted(listener) as program:
            stream.abort()
            stream.abort()
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(program.recv, 1)


async def test_leaving_before_the_end_is_a_reset_too(target: Target) -> None:
    with listening() as (port, listener):
        async with await dial(target, port):
            program = accepted(listener)
        with program, pytest.raises(ConnectionResetError):
            await asyncio.to_thread(program.recv, 1)


async def test_writing_waits_for_the_program(target: Target) -> None:
    with listening() as (port, listener):
        async with await dial(target, port) as stream:
            with accepted(listener) as program:
                writing = asyncio.create_task(stream.write(b"x" * (64 << 20)))
                assert await asyncio.to_thread(program.recv, 1) == b"x"
                assert not writing.done()
                stream.abort()
                with pytest.raises(StreamResetError):
                    await writing
