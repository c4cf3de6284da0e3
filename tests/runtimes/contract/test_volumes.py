"""Volumes, where a runtime has them; a clear refusal where it has not."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import StartFailedError, VolumeError, VolumeInUseError, VolumeMount
from tests.runtimes.contract.conftest import spec
from tests.shim.peer import run

if TYPE_CHECKING:
    from sandboxcore.runtimes.base import Runtime

SIZE = 64 << 20


async def test_what_is_written_stays(runtime: Runtime) -> None:
    if not runtime.capabilities().volumes:
        await is_refused(runtime)
        return
    assert runtime.capabilities().storage_class
    volume = str(uuid.uuid4())
    for _ in range(2):
        await runtime.create_volume(volume, SIZE)
    first = await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert (await run(first.shim_socket, "echo kept > /data/file")).exit_code == 0
    with pytest.raises(VolumeInUseError):
        await runtime.delete_volume(volume)
    with pytest.raises(VolumeInUseError):
        await runtime.resize_volume(volume, 2 * SIZE)
    await runtime.destroy(first.id)
    for _ in range(2):
        await runtime.resize_volume(volume, 2 * SIZE)
    second = await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert (await run(second.shim_socket, "cat /data/file")).stdout == b"kept\n"
    await runtime.destroy(second.id)
    with pytest.raises(VolumeError):
        await runtime.resize_volume(volume, SIZE)
    for _ in range(2):
        await runtime.delete_volume(volume)


async def is_refused(runtime: Runtime) -> None:
    volume = str(uuid.uuid4())
    for change in (runtime.create_volume, runtime.resize_volume):
        with pytest.raises(VolumeError) as refused:
            await change(volume, SIZE)
        assert refused.value.kind == "Unsupported"
    await runtime.delete_volume(volume)
    with pytest.raises(StartFailedError) as failed:
        await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert failed.value.kind == "SandboxConfig"
