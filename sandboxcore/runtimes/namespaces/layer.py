"""The writable layer of a sandbox: an ext4 file system of the promised size in a sparse file without a name.

The file is copied from an image that ``mkfs.ext4`` prepared once for that size, so that making a layer costs the
copy of some hundred kilobytes. It never has a name and its loop device clears itself: when the sandbox's mounts go,
so does all of it, however that came about. Where loop devices are not to be had, a plain folder is the layer,
without a size.
"""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import loop, syscalls

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.plan import IdMap

FOLDERS = ("root", "root.work", "usr", "usr.work")
"""The upper and work folders of the two overlays."""
MAX_PREPARED = 64
"""Sizes whose images are kept; the oldest goes."""
_FICLONE = 0x40049409
_MKFS = ("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal,^resize_inode")
_MKFS_EXTENDED = "lazy_itable_init=1,nodiscard,root_owner=0:0"
_MOUNT_OPTIONS = "noinit_itable,errors=remount-ro"
_BLOCK = 4096


def mount_loop_layer(layers: Path, size: int, target: str, ids: IdMap) -> None:
    """Mount a fresh layer of ``size`` bytes at ``target``, its folders owned by the sandbox's root."""
    image = _copy_of(_prepared(layers, size), layers)
    try:
        device, path = loop.attach(image)
        try:
            syscalls.mount(path, target, "ext4", syscalls.MS_NOSUID | syscalls.MS_NODEV, _MOUNT_OPTIONS)
        finally:
            os.close(device)
    finally:
        os.close(image)
    make_folders(Path(target), ids)


def make_folders(layer: Path, ids: IdMap) -> None:
    """Make the folders of an empty layer."""
    for name in FOLDERS:
        folder = layer / name
        folder.mkdir(mode=0o755)
        if ids.kind == "range":
            os.chown(folder, ids.base, ids.base)


def _prepared(layers: Path, size: int) -> Path:
    """The image of this size, made if it is not there yet; several processes may ask at once."""
    blocks = -(-size // _BLOCK)
    path = layers / f"ext4-{blocks * _BLOCK}.img"
    if path.exists():
        return path
    with (layers / "prepare.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _forget_oldest(layers)
            _prepare(path, blocks)
    return path


def _prepare(path: Path, blocks: int) -> None:
    unfinished = path.with_suffix(".new")
    with unfinished.open("wb") as file:
        file.truncate(blocks * _BLOCK)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    arguments = [*_MKFS, "-E", _MKFS_EXTENDED, "-b", str(_BLOCK), str(unfinished)]
    done = subprocess.run(arguments, capture_output=True, check=False, timeout=120, env=environment)  # noqa: S603
    if done.returncode != 0:
        unfinished.unlink()
        raise OSError(f"mkfs.ext4 failed: {done.stderr.decode(errors='replace').strip()}")
    unfinished.rename(path)


def _forget_oldest(layers: Path) -> None:
    images = sorted(layers.glob("ext4-*.img"), key=lambda image: image.stat().st_mtime)
    for image in images[: max(0, len(images) - MAX_PREPARED + 1)]:
        image.unlink()


def _copy_of(prepared: Path, folder: Path) -> int:
    """A sparse copy that has no name."""
    with prepared.open("rb") as source:
        copy = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            copy_into(source.fileno(), copy)
        except OSError:
            os.close(copy)
            raise
    return copy


def copy_into(source: int, copy: int) -> None:
    """Make the empty file ``copy`` the same as ``source``, holes included."""
    try:
        fcntl.ioctl(copy, _FICLONE, source)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV):
            raise
        size = os.fstat(source).st_size
        os.ftruncate(copy, size)
        for start, end in _data_ranges(source, size):
            _copy_range(source, copy, start, end)


def _data_ranges(source: int, size: int) -> list[tuple[int, int]]:
    ranges = []
    position = 0
    while position < size:
        try:
            start = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        position = os.lseek(source, start, os.SEEK_HOLE)
        ranges.append((start, position))
    return ranges


def _copy_range(source: int, copy: int, start: int, end: int) -> None:
    while start < end:
        start += os.pwrite(copy, os.pread(source, min(end - start, 1 << 20), start), start)
