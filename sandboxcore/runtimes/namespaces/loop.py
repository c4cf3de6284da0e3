"""Loop devices: a file as a block device that frees itself when its mount goes."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LO_FLAGS_AUTOCLEAR = 4
MAX_TRIES = 256
"""Others may take the free device first; so often in a row only when something is wrong."""

# struct loop_config: file descriptor, block size, struct loop_info64 (its flags at byte 52), reserved.
_CONFIG_SIZE = 4 + 4 + 232 + 64
_FLAGS_OFFSET = 8 + 52


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
