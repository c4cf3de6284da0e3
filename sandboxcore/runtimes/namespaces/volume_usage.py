"""How full volumes are, read from their file systems' own counts: nothing is mounted, walked or asked inside.

ext4 keeps the number of free blocks of each group in its group descriptors. Of a volume that is mounted these lie in
its loop device's cache, which is always up to date; of one that is not, in its file. What a mounted file system has
promised to data that it has not placed yet (up to some 30 seconds) the kernel tells beside it. So the result is what
``df`` inside would say.
"""

from __future__ import annotations

import os
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import VolumeUsage
from sandboxcore.runtimes.namespaces import loop, volume_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SYS_BLOCK = Path("/sys/block")
SYS_EXT4 = Path("/sys/fs/ext4")
_SUPERBLOCK = 1024
"""Where it lies, and its size."""
_MAGIC = 0xEF53
_META_BG, _64BIT = 0x10, 0x80
_BIGALLOC = 0x200
_DESCRIPTOR = 64
_HALF_WORDS = _DESCRIPTOR // 2
_FREE_LOW, _FREE_HIGH = 0x0C // 2, 0x2C // 2
"""The two halves of a group's free blocks, in half words of its descriptor."""
_MOST_GROUPS = 1 << 17
"""Those of 16 TiB, more than any volume has."""


def measured(folder: Path, volume_ids: Iterable[str]) -> dict[str, VolumeUsage]:
    """What these volumes hold, by id; those that are not there, or cannot be read, are left out."""
    devices = _bound()
    found = {}
    for volume_id in volume_ids:
        path = volume_image.path_of(folder, volume_id)
        try:
            usage = _measure(path, devices.get(path.name, ()))
        except (OSError, struct.error):
            continue  # removed or replaced meanwhile, or half made
        if usage is not None:
            found[volume_id] = usage
    return found


def _bound() -> Mapping[str, list[str]]:
    """The names of loop devices by the name of their file, read once for all volumes."""
    found: dict[str, list[str]] = {}
    for shown in SYS_BLOCK.glob("loop*/loop/backing_file"):
        try:
            backing = shown.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue  # it has just been let go of
        found.setdefault(backing.rpartition("/")[2], []).append(shown.parts[3])
    return found


def _measure(path: Path, devices: Iterable[str]) -> VolumeUsage | None:
    image = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(image)
        for device in devices:
            usage = _of_mounted(device, (status.st_dev, status.st_ino))
            if usage is not None:
                return usage
        return _read(image)
    finally:
        os.close(image)


def _of_mounted(device: str, backing: tuple[int, int]) -> VolumeUsage | None:
    try:
        opened = os.open(f"/dev/{device}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if loop.backing_of(opened) != backing:
            return None
        return _read(opened, promised=_promised(device))
    finally:
        os.close(opened)


def _promised(device: str) -> int:
    """Blocks for data that has no place yet."""
    try:
        return int((SYS_EXT4 / device / "delayed_allocation_blocks").read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0  # not mounted any more, or not yet


def _read(file: int, promised: int = 0) -> VolumeUsage | None:
    """The usage of the file system in a file or device. Raises ``OSError``, ``struct.error``."""
    system = _FileSystem.of(os.pread(file, _SUPERBLOCK, _SUPERBLOCK))
    if system is None:
        return None
    table = os.pread(file, system.groups * _DESCRIPTOR, (system.first_block + 1) * system.block_size)
    if len(table) < system.groups * _DESCRIPTOR:
        return None
    words = array("H", table)
    free = sum(words[_FREE_LOW::_HALF_WORDS]) + (sum(words[_FREE_HIGH::_HALF_WORDS]) << 16)
    usable = system.blocks - system.overhead
    used = min(max(usable - free + promised, 0), usable)
    return VolumeUsage(used * system.block_size, usable * system.block_size)


@dataclass(frozen=True, slots=True)
class _FileSystem:
    blocks: int
    block_size: int
    first_block: int
    groups: int
    overhead: int
    """Blocks that can never hold files: tables, copies of the superblock, the journal."""

    @classmethod
    def of(cls, superblock: bytes) -> _FileSystem | None:
        """What a superblock says; None of a form that we never make."""
        word = _reader("<I", superblock)
        half = _reader("<H", superblock)
        incompatible, read_only = word(0x60), word(0x64)
        if half(0x38) != _MAGIC or not incompatible & _64BIT or half(0xFE) != _DESCRIPTOR:
            return None
        if incompatible & _META_BG or read_only & _BIGALLOC:
            return None
        blocks, first, per_group = word(0x04) | word(0x150) << 32, word(0x14), word(0x20)
        block_size = 1024 << word(0x18)
        groups = -(-(blocks - first) // per_group) if per_group else 0
        if not 0 < groups <= _MOST_GROUPS:
            return None
        overhead = word(0x248) or _overhead(superblock, groups, block_size)
        return cls(blocks, block_size, first, groups, overhead)


def _overhead(superblock: bytes, groups: int, block_size: int) -> int:
    """The same as the kernel counts it at the first mount after the file system was made larger."""
    word = _reader("<I", superblock)
    half = _reader("<H", superblock)
    inodes_per_group, inode_size, reserved = word(0x28), half(0x58), half(0xCE)
    tables = groups * (2 + -(-inodes_per_group * inode_size // block_size))
    copies = sum(1 for group in range(groups) if _has_copy(group))
    descriptors = -(-groups * _DESCRIPTOR // block_size)
    journal = word(0x10C + 16 * 4) | word(0x10C + 15 * 4) << 32
    return word(0x14) + tables + copies * (1 + descriptors + reserved) + journal // block_size


def _has_copy(group: int) -> bool:
    """Whether a group begins with a copy of the superblock: 0, 1 and the powers of 3, 5 and 7."""
    if group <= 1:
        return True
    return any(_is_power(group, base) for base in (3, 5, 7))


def _is_power(number: int, base: int) -> bool:
    while number % base == 0:
        number //= base
    return number == 1


def _reader(form: str, data: bytes) -> Callable[[int], int]:
    def read(offset: int) -> int:
        value: int = struct.unpack_from(form, data, offset)[0]
        return value

    return read
