"""Mounting a volume, by the shim of each sandbox that uses it, while it is still root.

A volume in use has one loop device, found by its file: a block device that is mounted twice gives the same file
system twice, so sandboxes share it, and nobody has to remember that it is mounted. The device clears itself when the
last sandbox has gone.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import loop, syscalls, volume_image

if TYPE_CHECKING:
    from pathlib import Path

BUSY_PATIENCE = 2.0
"""Seconds that the kernel may need to take down what the last user has just left."""
_PAUSE = 0.005
# What is deleted inside is given back to the machine's disk; inode tables of a sparse file are zeros already.
_OPTIONS = "discard,noinit_itable,errors=remount-ro"


def attach(image: Path, place: Path) -> int:
    """A mount of the volume that has no place yet, as a descriptor; ``place`` is an empty folder to make it at.

    Raises ``VolumeError``, ``OSError``.
    """
    with volume_image.locked(image) as backing:
        device, path = loop.find(backing, image.name) or _bind(image)
        try:
            _mount(path, place)
        finally:
            os.close(device)
    try:
        return syscalls.clone_mount(str(place))
    finally:
        syscalls.unmount(place)


def _bind(image: Path) -> tuple[int, str]:
    # Opened anew: the device keeps what it is given open, and with it would keep the lock.
    file = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        return loop.attach(file)
    finally:
        os.close(file)


def _mount(device: str, place: Path) -> None:
    deadline = time.monotonic() + BUSY_PATIENCE
    while True:
        try:
            syscalls.mount(device, place, "ext4", syscalls.MS_NOSUID | syscalls.MS_NODEV, _OPTIONS)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
