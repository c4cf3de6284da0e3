"""Volumes on a real kernel: what stays, who shares, what is refused, and what a killed host leaves."""

from __future__ import annotations

import asyncio
import signal
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import (
    RuntimeUnavailableError,
    StartFailedError,
    VolumeError,
    VolumeInUseError,
    VolumeMount,
)
from sandboxcore.runtimes.namespaces import volume_image
from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
from tests.runtimes.namespaces.conftest import MIB, Box, Host, backing_files, needs_root, spec, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.kernel, needs_root]
SIZE = 32 * MIB


async def new_volume(runtime: NamespacesRuntime, size: int = SIZE) -> str:
    volume_id = str(uuid.uuid4())
    await runtime.create_volume(volume_id, size)
    return volume_id


@pytest.fixture
async def volume(runtime: NamespacesRuntime) -> AsyncIterator[str]:
    volume_id = await new_volume(runtime)
    yield volume_id
    for sandbox in await runtime.list_owned():
        await runtime.destroy(sandbox.id)
    await runtime.delete_volume(volume_id)


async def start(runtime: NamespacesRuntime, host: Host, *mounts: tuple[str, str]) -> Box:
    wanted = spec(mounts=tuple(VolumeMount(volume_id, path) for volume_id, path in mounts))
    return Box(runtime, await runtime.create(wanted), host)


@asynccontextmanager
async def driver(host: Host) -> AsyncIterator[NamespacesRuntime]:
    runtime = NamespacesRuntime(host.run_dir)
    await runtime.start()
    yield runtime
    await runtime.close()


def devices(host: Host, volume_id: str) -> int:
    """How many loop devices the volume has."""
    return sum(volume_id in name for name in host.loop_devices())


def holders(volume_id: str) -> set[str]:
    """Names of the processes in whose mount namespaces the volume is mounted, commands aside."""
    number = next(device for device, file in backing_files().items() if volume_id in file)
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"/dev/{number} " in (process / "mountinfo").read_text():
                found.add((process / "comm").read_text().strip())
        except OSError:
            continue
    return found


async def test_it_works(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    assert runtime.capabilities().volumes
    first = await start(runtime, shared_host, (volume, "/data"))
    kind, options = (await first.output("findmnt -no FSTYPE,OPTIONS /data")).split()
    assert kind == "ext4"
    assert {"rw", "nosuid", "nodev", "idmapped"} <= set(options.split(","))
    assert await first.output("stat -c '%u:%g %a' /data") == "0:0 755\n"
    assert holders(volume) == {"init"}
    await first.output("echo kept >/data/file; mkdir /data/mine; chown 1000:2000 /data/mine; ln -s file /data/link")
    await runtime.destroy(first.sandbox.id)
    second = await start(runtime, shared_host, (volume, "/other/place"))
    assert await second.output("cat /other/place/link; stat -c %u:%g /other/place/mine") == "kept\n1000:2000\n"
    await runtime.destroy(second.sandbox.id)
    wait_until(lambda: devices(shared_host, volume) == 0, "the loop device is let go of")


async def test_sandboxes_share_it(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    boxes = await asyncio.gather(*(start(runtime, shared_host, (volume, "/data")) for _ in range(4)))
    assert devices(shared_host, volume) == 1
    for number, box in enumerate(boxes):
        await box.output(f"echo {number} >/data/{number}; chown {number}:{number} /data/{number}")
    for box in boxes:
        assert await box.output("stat -c '%n %u %g' /data/?; cat /data/?") == (
            "".join(f"/data/{n} {n} {n}\n" for n in range(4)) + "0\n1\n2\n3\n"
        )
    # A lock that one holds, the other waits for: it is one file system.
    await boxes[0].output("exec 9>/data/lock; flock 9; setsid sleep 60 >/dev/null 2>&1 <&- &")
    assert (await boxes[1].run("flock -n /data/lock true")).exit_code == 1
    for box in boxes[:3]:
        await runtime.destroy(box.sandbox.id)
    assert await boxes[3].output("cat /data/0") == "0\n"


async def test_full_is_felt_inside_only(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    box, other = await start(runtime, shared_host, (volume, "/data")), await start(runtime, shared_host)
    outcome = await box.run("head -c 64M /dev/zero >/data/big")
    assert outcome.exit_code == 1
    assert b"No space left on device" in outcome.stderr
    # The file system may keep a few blocks that one large write could not have.
    assert int(await box.output("touch /fine; df --output=avail /data | tail -1")) <= 64
    assert await other.output("echo fine") == "fine\n"
    image = shared_host.state_dir / "volumes" / f"{volume}.img"
    assert image.stat().st_size == SIZE
    await box.output("rm /data/big; sync /data; head -c 1M /dev/zero >/data/small")


async def test_several_volumes_one_inside_the_other(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    inner = await new_volume(runtime)
    box = await start(runtime, shared_host, (inner, "/srv/a/b"), (volume, "/srv/a"), (volume, "/root"))
    await box.output("echo inner >/srv/a/b/file; echo outer >/srv/a/file")
    assert await box.output("cat /root/file; ls /root/b; cat ~/file") == "outer\nouter\n"
    await runtime.destroy(box.sandbox.id)
    again = await start(runtime, shared_host, (inner, "/srv/b"))
    assert await again.output("cat /srv/b/file") == "inner\n"
    await runtime.destroy(again.sandbox.id)
    await runtime.delete_volume(inner)


async def test_in_use_is_refused(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    box = await start(runtime, shared_host, (volume, "/data"))
    with pytest.raises(VolumeInUseError, match="mounted"):
        await runtime.delete_volume(volume)
    with pytest.raises(VolumeInUseError):
        await runtime.resize_volume(volume, 2 * SIZE)
    assert await box.output("echo still >/data/here; cat /data/here") == "still\n"
    await runtime.destroy(box.sandbox.id)
    await runtime.delete_volume(volume)
    await runtime.delete_volume(volume)
    with pytest.raises(StartFailedError, match="does not exist") as caught:
        await start(runtime, shared_host, (volume, "/data"))
    assert caught.value.kind == "SandboxConfig"
    with pytest.raises(VolumeError) as missing:
        await runtime.resize_volume(volume, 2 * SIZE)
    assert missing.value.kind == "Missing"


async def test_growing_keeps_what_it_holds(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    box = await start(runtime, shared_host, (volume, "/data"))
    before = await box.output("head -c 20M /dev/urandom >/data/file; chown 7:8 /data/file; sha256sum /data/file")
    await runtime.destroy(box.sandbox.id)
    await runtime.create_volume(volume, SIZE)
    await runtime.resize_volume(volume, 8 * SIZE)
    await runtime.resize_volume(volume, 8 * SIZE)
    with pytest.raises(VolumeError, match="only grows") as shrinking:
        await runtime.resize_volume(volume, SIZE)
    assert shrinking.value.kind == "Shrink"
    with pytest.raises(VolumeError) as conflict:
        await runtime.create_volume(volume, SIZE)
    assert conflict.value.kind == "Conflict"
    box = await start(runtime, shared_host, (volume, "/data"))
    assert await box.output("sha256sum /data/file; stat -c %u:%g /data/file") == before + "7:8\n"
    assert int(await box.output("df --output=size -B1 /data | tail -1")) > 6 * SIZE
    await box.output("head -c 150M /dev/zero >/data/more")


@pytest.mark.parametrize("path", ["/etc/hostname", "/etc/passwd", "/etc/passwd/below"])
async def test_a_file_in_the_way_is_the_templates_fault(
    runtime: NamespacesRuntime, shared_host: Host, volume: str, path: str
) -> None:
    with pytest.raises(StartFailedError, match=f"mounted at {path}, because the image has a file there") as caught:
        await start(runtime, shared_host, (volume, path))
    assert caught.value.kind == "SandboxConfig"
    await runtime.delete_volume(volume)


async def test_a_broken_image_fails_the_start_alone(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    image = shared_host.state_dir / "volumes" / f"{volume}.img"
    image.write_bytes(b"\0" * SIZE)
    with pytest.raises(StartFailedError, match="mount ext4"):
        await start(runtime, shared_host, (volume, "/data"))
    wait_until(lambda: devices(shared_host, volume) == 0, "the loop device is let go of")
    assert await (await start(runtime, shared_host)).output("echo fine") == "fine\n"


async def test_ids_and_sizes_that_cannot_be(runtime: NamespacesRuntime) -> None:
    for volume_id in ("../../etc/passwd", "", "x" * 36, str(uuid.uuid4()).upper()):
        with pytest.raises(VolumeError, match="UUID"):
            await runtime.create_volume(volume_id, SIZE)
        with pytest.raises(VolumeError, match="UUID"):
            await runtime.resize_volume(volume_id, SIZE)
        await runtime.delete_volume(volume_id)
    for size in (0, -1, 1 << 60):
        with pytest.raises(VolumeError, match="size_bytes"):
            await runtime.create_volume(str(uuid.uuid4()), size)


async def test_a_host_that_dies_and_comes_back(host: Host) -> None:
    async with driver(host) as runtime:
        volume = await new_volume(runtime)
        first = await start(runtime, host, (volume, "/data"))
        await first.output("echo before >/data/file")
        host.end(signal.SIGKILL)
        assert await first.output("echo without >>/data/file; cat /data/file") == "before\nwithout\n"
        host.start()
        second = await start(runtime, host, (volume, "/data"))
        assert devices(host, volume) == 1
        assert await second.output("echo after >>/data/file; cat /data/file") == "before\nwithout\nafter\n"
        assert await first.output("tail -n 1 /data/file") == "after\n"
        with pytest.raises(VolumeInUseError):
            await runtime.delete_volume(volume)
    host.end()
    assert host.clean().returncode == 0
    wait_until(host.is_clean, "make down leaves nothing but the volume")
    host.start()
    async with driver(host) as runtime:
        third = await start(runtime, host, (volume, "/data"))
        assert await third.output("cat /data/file") == "before\nwithout\nafter\n"


async def killed_during(host: Host, runtime: NamespacesRuntime, operation: str, volume: str, size: int = 0) -> None:
    """SIGKILL the host when the operation's unfinished file has appeared, and start it again."""
    method = getattr(runtime, f"{operation}_volume")
    asking = asyncio.create_task(method(volume, size) if size else method(volume))
    unfinished = host.state_dir / "volumes" / f"{volume}.new"
    async with asyncio.timeout(20):
        while not (unfinished.exists() or asking.done()):
            await asyncio.sleep(0)
    assert not asking.done()
    host.end(signal.SIGKILL)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    wait_until(lambda: not workers(host), "the worker ends with the host")
    host.start()
    assert [path.suffix for path in (host.state_dir / "volumes").iterdir() if path.suffix != ".img"] == []
    listed = await runtime.list_volumes()
    assert listed is not None
    assert {found.id for found in listed} == {path.stem for path in (host.state_dir / "volumes").iterdir()}


def workers(host: Host) -> list[Path]:
    """What processes still hold open below the folder of volumes."""
    held = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = descriptor.readlink()
        except OSError:
            continue
        if target.is_relative_to(host.state_dir / "volumes"):
            held.append(target)
    return held


async def test_a_host_that_dies_while_it_makes_a_volume(host: Host) -> None:
    async with driver(host) as runtime:
        volume = str(uuid.uuid4())
        await killed_during(host, runtime, "create", volume, 1 << 40)
        assert not (host.state_dir / "volumes" / f"{volume}.img").exists()
        await runtime.create_volume(volume, SIZE)
        assert await (await start(runtime, host, (volume, "/data"))).output("ls /data") == "lost+found\n"


async def test_a_host_that_dies_while_a_volume_grows(host: Host) -> None:
    async with driver(host) as runtime:
        volume = await new_volume(runtime, 8 * SIZE)
        box = await start(runtime, host, (volume, "/data"))
        before = await box.output("head -c 200M /dev/urandom >/data/file; sha256sum /data/file")
        await runtime.destroy(box.sandbox.id)
        await killed_during(host, runtime, "resize", volume, 16 * SIZE)
        box = await start(runtime, host, (volume, "/data"))
        assert await box.output("sha256sum /data/file") == before
        assert int(await box.output("df --output=size -B1 /data | tail -1")) < 8 * SIZE
        await runtime.destroy(box.sandbox.id)
        await runtime.resize_volume(volume, 16 * SIZE)
        box = await start(runtime, host, (volume, "/data"))
        assert await box.output("sha256sum /data/file") == before


async def test_a_host_that_dies_while_it_removes_a_volume(host: Host) -> None:
    async with driver(host) as runtime:
        volumes = [await new_volume(runtime) for _ in range(8)]
        asking = [asyncio.create_task(runtime.delete_volume(volume)) for volume in volumes]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        host.end(signal.SIGKILL)
        host.start()
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert all(answer is None or isinstance(answer, RuntimeUnavailableError) for answer in done)
        for volume in volumes:
            await runtime.delete_volume(volume)
    assert list((host.state_dir / "volumes").iterdir()) == []


async def test_work_on_volumes_holds_up_nobody(host: Host) -> None:
    async with driver(host) as runtime:
        slow = asyncio.create_task(runtime.create_volume(str(uuid.uuid4()), 1 << 42))
        async with asyncio.timeout(20):
            while not list((host.state_dir / "volumes").glob("*.new")):
                await asyncio.sleep(0)
        box = await start(runtime, host)
        assert not slow.done()
        assert await box.output("echo fine") == "fine\n"
        await slow


def test_a_list_comes_in_pages(tmp_path: Path) -> None:
    for name in ("b.img", "a.img", "d.img", "c.img", "x.new"):
        (tmp_path / name).write_bytes(b"0" * 10)
    pages = [volume_image.listed(tmp_path, after, 2) for after in ("", "b", "bb", "d")]
    assert [[found.id for found in page] for page in pages] == [["a", "b"], ["c", "d"], ["c", "d"], []]
    assert pages[0][0].size_bytes == 10


async def test_how_full_it_is_agrees_with_df_inside(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    """While data has no place on the disk yet, when it has, and when it is gone."""
    box = await start(runtime, shared_host, (volume, "/data"))

    async def differs() -> tuple[int, int]:
        used, size = (await box.run("df --block-size=1 --output=used,size /data | tail -1")).stdout.split()
        usage = (await runtime.volume_usage([volume]))[volume]
        return usage.used_bytes - int(used), usage.usable_bytes - int(size)

    for command in ("true", "head -c 12M /dev/urandom > /data/a", "sync", "rm /data/a; sync"):
        assert (await box.run(command)).exit_code == 0
        assert await differs() == (0, 0), command


async def test_how_full_it_is_after_it_grew(runtime: NamespacesRuntime, shared_host: Host, volume: str) -> None:
    box = await start(runtime, shared_host, (volume, "/data"))
    assert (await box.run("head -c 4M /dev/urandom > /data/a")).exit_code == 0
    await runtime.destroy(box.sandbox.id)
    before = (await runtime.volume_usage([volume]))[volume]
    await runtime.resize_volume(volume, 20 * SIZE)
    grown = (await runtime.volume_usage([volume]))[volume]
    assert grown.used_bytes == before.used_bytes
    box = await start(runtime, shared_host, (volume, "/data"))
    used, size = (await box.run("df --block-size=1 --output=used,size /data | tail -1")).stdout.split()
    assert (grown.used_bytes, grown.usable_bytes) == (int(used), int(size))


async def test_what_is_no_file_system_of_ours_has_no_usage(
    runtime: NamespacesRuntime, shared_host: Host, volume: str
) -> None:
    path = volume_image.path_of(shared_host.state_dir / "volumes", volume)
    with path.open("r+b") as image:
        image.seek(1024 + 0x38)
        image.write(b"\0\0")
    assert await runtime.volume_usage([volume]) == {}


async def test_a_hundred_volumes_are_asked_of_in_parts(runtime: NamespacesRuntime, volume: str) -> None:
    others = [str(uuid.uuid4()) for _ in range(120)]
    assert set(await runtime.volume_usage([*others, volume])) == {volume}
