"""Loop devices: a file as a block device that frees itself when its mount goes."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LOOP_GET_STATUS64 = 0x4C05
LO_FLAGS_AUTOCLEAR = 4
MAX_TRIES = 256
"""Others may take the free device first; so often in a row only when something is wrong."""

# struct loop_config: file descriptor, block size, struct loop_info64 (its flags at byte 52), reserved.
_CONFIG_SIZE = 4 + 4 + 232 + 64
_FLAGS_OFFSET = 8 + 52
# struct loop_info64 begins with the device and the inode of the backing file.
_STATUS_SIZE = 232


def attach(backing: int) -> tuple[int, str]:
    """Bind the file ``backing`` to a free loop device: its descriptor, held until it is mounted, and its path."""
    config = bytearray(_CONFIG_SIZE)
    struct.pack_into("I", config, 0, backing)
    struct.pack_into("I", config, _FLAGS_OFFSET, LO_FLAGS_AUTOCLEAR)
    for _ in range(MAX_TRIES):
        path = f"/dev/loop{_free_number()}"
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, LOOP_CONFIGURE, bytes(config))
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:
                raise
        else:
            return device, path
    raise OSError(errno.EBUSY, "no loop device stayed free")


def _free_number() -> int:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(control, LOOP_CTL_GET_FREE)
    finally:
        os.close(control)


def find(backing: int, name: str) -> tuple[int, str] | None:
    """The loop device that is bound to the file ``backing``: its descriptor, which keeps it bound, and its path.

    ``name`` is the file's; it only spares asking devices whose file had another.
    """
    status = os.fstat(backing)
    for shown in Path("/sys/block").glob("loop*/loop/backing_file"):
        path = f"/dev/{shown.parts[3]}"
        try:
            if name not in shown.read_text(encoding="utf-8", errors="replace"):
                continue
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
                continue  # it has just been let go of
            raise
        if backing_of(device) == (status.st_dev, status.st_ino):
            return device, path
        os.close(device)
    return None


def backing_of(device: int) -> tuple[int, int] | None:
    """Device and inode of the file that is bound to an open loop device; None where none is."""
    info = bytearray(_STATUS_SIZE)
    try:
        fcntl.ioctl(device, LOOP_GET_STATUS64, info)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
    found: tuple[int, int] = struct.unpack_from("QQ", info)
    return found
