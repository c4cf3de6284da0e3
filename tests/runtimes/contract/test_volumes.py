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
    assert (await listed(runtime))[volume] == SIZE
    first = await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert (await run(first.shim_socket, "echo kept > /data/file")).exit_code == 0
    with pytest.raises(VolumeInUseError):
        await runtime.delete_volume(volume)
    with pytest.raises(VolumeInUseError):
        await runtime.resize_volume(volume, 2 * SIZE)
    await runtime.destroy(first.id)
    for _ in range(2):
        await runtime.resize_volume(volume, 2 * SIZE)
    assert (await listed(runtime))[volume] == 2 * SIZE
    second = await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert (await run(second.shim_socket, "cat /data/file")).stdout == b"kept\n"
    # Whoever asks again, or second, is answered even while it is mounted.
    await runtime.resize_volume(volume, 2 * SIZE)
    await runtime.destroy(second.id)
    with pytest.raises(VolumeError):
        await runtime.resize_volume(volume, SIZE)
    for _ in range(2):
        await runtime.delete_volume(volume)
    assert volume not in await listed(runtime)


async def test_it_tells_how_full_one_is_or_nothing(runtime: Runtime) -> None:
    nobody = str(uuid.uuid4())
    if not runtime.capabilities().volumes:
        assert await runtime.volume_usage([nobody]) == {}
        return
    volume = str(uuid.uuid4())
    await runtime.create_volume(volume, SIZE)
    empty = (await runtime.volume_usage([volume, nobody]))[volume]
    assert 0 <= empty.used_bytes < 1 << 20
    assert SIZE // 2 < empty.usable_bytes <= SIZE
    made = await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert (await run(made.shim_socket, "head -c 8M /dev/urandom > /data/file")).exit_code == 0
    mounted = (await runtime.volume_usage([volume]))[volume]
    assert 8 << 20 <= mounted.used_bytes - empty.used_bytes < 9 << 20
    await runtime.destroy(made.id)
    alone = await runtime.volume_usage([volume, nobody])
    assert set(alone) == {volume}
    assert 8 << 20 <= alone[volume].used_bytes - empty.used_bytes < 9 << 20
    await runtime.delete_volume(volume)
    assert await runtime.volume_usage([volume]) == {}


async def listed(runtime: Runtime) -> dict[str, int]:
    """Sizes of the volumes that there are, by identifier."""
    volumes = await runtime.list_volumes()
    assert volumes is not None
    return {volume.id: volume.size_bytes for volume in volumes}


async def test_sandboxes_share_one_where_it_says_so(runtime: Runtime) -> None:
    if not runtime.capabilities().volumes_shared:
        assert not runtime.capabilities().volumes
        return
    volume = str(uuid.uuid4())
    await runtime.create_volume(volume, SIZE)
    one, two = [await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),))) for _ in range(2)]
    assert (await run(one.shim_socket, "echo shared > /data/file")).exit_code == 0
    assert (await run(two.shim_socket, "cat /data/file")).stdout == b"shared\n"
    for made in (one, two):
        await runtime.destroy(made.id)
    await runtime.delete_volume(volume)


async def is_refused(runtime: Runtime) -> None:
    volume = str(uuid.uuid4())
    for change in (runtime.create_volume, runtime.resize_volume):
        with pytest.raises(VolumeError) as refused:
            await change(volume, SIZE)
        assert refused.value.kind == "Unsupported"
    await runtime.delete_volume(volume)
    assert await listed(runtime) == {}
    with pytest.raises(StartFailedError) as failed:
        await runtime.create(spec(mounts=(VolumeMount(volume, "/data"),)))
    assert failed.value.kind == "SandboxConfig"
