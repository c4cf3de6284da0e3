"""Making, finding and ending sandboxes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import SandboxGoneError, StartFailedError
from tests.runtimes.contract.conftest import spec
from tests.shim.peer import Peer, run

if TYPE_CHECKING:
    from pathlib import Path

    from sandboxcore.runtimes.base import Runtime, RuntimeSandbox

NOBODY = "00000000-0000-4000-8000-000000000000"


async def test_it_works(runtime: Runtime) -> None:
    wanted = spec(env={"GREETING": "hello there"})
    made = await runtime.create(wanted)
    assert (made.id, made.state, made.reason) == (wanted.id, "running", None)
    assert abs(made.created_at - time.time()) < 60
    assert (await run(made.shim_socket, 'echo "$GREETING"')).stdout == b"hello there\n"
    assert await runtime.inspect(wanted.id) == made
    assert await runtime.list_owned() == [made]
    await runtime.destroy(wanted.id)
    assert await runtime.inspect(wanted.id) is None
    assert await runtime.list_owned() == []


async def test_create_and_destroy_can_be_repeated(runtime: Runtime) -> None:
    wanted = spec()
    first, second = await asyncio.gather(runtime.create(wanted), runtime.create(wanted))
    assert first.shim_socket == second.shim_socket
    assert len(await runtime.list_owned()) == 1
    await asyncio.gather(runtime.destroy(wanted.id), runtime.destroy(wanted.id))
    await runtime.destroy(wanted.id)
    await runtime.destroy(NOBODY)


async def test_several_at_once(runtime: Runtime) -> None:
    made = await asyncio.gather(*(runtime.create(spec()) for _ in range(4)))
    outcomes = await asyncio.gather(*(run(box.shim_socket, f"echo {box.id} > ~/me; cat ~/me") for box in made))
    assert [outcome.stdout.decode().strip() for outcome in outcomes] == [box.id for box in made]
    await asyncio.gather(*(runtime.destroy(box.id) for box in made))
    assert await runtime.list_owned() == []


async def test_an_unknown_image_leaves_nothing_behind(runtime: Runtime) -> None:
    with pytest.raises(StartFailedError) as caught:
        await runtime.create(spec(image="no/such-image:anywhere"))
    assert caught.value.kind in {"ImagePull", "SandboxConfig"}
    assert await runtime.list_owned() == []


async def test_ids_that_are_no_ids(runtime: Runtime) -> None:
    for bad in ("../../etc", "", "x", "a/b"):
        assert await runtime.inspect(bad) is None
        await runtime.destroy(bad)


async def test_usage(runtime: Runtime, box: RuntimeSandbox) -> None:
    peer = await Peer.run(box.shim_socket, "echo up; sleep 60")
    await peer.until(b"up")
    async with asyncio.timeout(10):
        # A process that is being made or replaced holds nothing for a moment.
        while (usage := await runtime.usage(box.id)).memory_bytes == 0:
            await asyncio.sleep(0.01)
    assert usage.pids is None or usage.pids >= 1
    assert usage.memory_bytes is None or usage.memory_bytes > 0
    assert usage.cpu_seconds is None or usage.cpu_seconds >= 0
    with pytest.raises(SandboxGoneError):
        await runtime.usage(NOBODY)


async def test_destroy_ends_daemons_and_tells_readers(runtime: Runtime, box: RuntimeSandbox) -> None:
    peer = await Peer.run(box.shim_socket, "(setsid sleep 3600 &) ; echo up; sleep 3600")
    await peer.until(b"up")
    await runtime.destroy(box.id)
    outcome = await peer.rest()
    assert outcome.exit_code or outcome.error_type == "CommandError" or outcome.final["type"] == "started"
    assert await runtime.inspect(box.id) is None
    assert not box.shim_socket.exists()


async def test_a_second_driver_finds_what_the_first_made(runtime: Runtime, box: RuntimeSandbox) -> None:
    peer = await Peer.run(box.shim_socket, "echo up; read line; echo $line")
    await peer.until(b"up")
    await runtime.close()
    await runtime.start()
    assert await runtime.list_owned() == [box]
    peer.type(b"still here\n")
    assert (await peer.rest()).stdout == b"up\nstill here\n"


async def test_capabilities_say_what_holds(runtime: Runtime) -> None:
    capabilities = runtime.capabilities()
    assert "host" in capabilities.images
    held = (capabilities.cpu_limit, capabilities.memory_limit, capabilities.pids_limit, capabilities.storage_limit)
    assert all(held) or capabilities.notes
    assert capabilities.isolated or capabilities.notes


def test_the_socket_is_private(shim: Path) -> None:
    assert shim.stat().st_mode & 0o007 == 0
