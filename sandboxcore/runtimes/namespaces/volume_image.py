"""A volume on disk: one ext4 file system in a sparse file, ``$STATE_DIR/volumes/<id>.img``.

An image changes only while its file is locked and no loop device is bound to it. It is made, and grown, under another
name, and takes its own in one step: whatever ends the process or the machine, the image is the old one or the new.
Unlike a sandbox's layer it keeps its name and has a journal, since it must survive a crash of the machine.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import time
from bisect import bisect_right
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import RuntimeVolume, VolumeError, VolumeInUseError
from sandboxcore.runtimes.namespaces import loop, syscalls
from sandboxcore.runtimes.namespaces.layer import copy_into

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FINISHED = ".img"
UNFINISHED = ".new"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BLOCK = 4096
LETTING_GO = 0.5
"""Seconds that a sandbox which has just ended may need to let go of its volumes."""
LOCK_PATIENCE = 10.0
_PAUSE = 0.005
_TOOL_SECONDS = 3600
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
# The file is new and sparse: what is not written reads as zeros, so nothing has to be initialised.
_MKFS = ("mkfs.ext4", "-q", "-F", "-m", "0", "-b", str(BLOCK))
_MKFS_EXTENDED = "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0"
_MENDED = 1
"""e2fsck's exit code when it has put right what it found."""


def path_of(folder: Path, volume_id: str) -> Path:
    """Where the image of a volume lies; the id must have been checked."""
    return folder / f"{volume_id}{FINISHED}"


def listed(folder: Path, after: str, most: int) -> list[RuntimeVolume]:
    """Volumes by id from the one after ``after``, at most so many."""
    ids = sorted(path.stem for path in folder.iterdir() if path.suffix == FINISHED)
    found: list[RuntimeVolume] = []
    for volume_id in ids[bisect_right(ids, after) :]:
        if len(found) == most:
            break
        try:
            about = path_of(folder, volume_id).stat()
        except FileNotFoundError:
            continue  # removed since the folder was read
        found.append(RuntimeVolume(volume_id, about.st_size, about.st_mtime))
    return found


def make(folder: Path, volume_id: str, size: int) -> None:
    """Make an empty volume. Raises ``VolumeError``, ``OSError``."""
    path = path_of(folder, volume_id)
    size = _whole_blocks(size)
    if path.exists():
        if path.stat().st_size != size:
            raise VolumeError(f"the volume exists with {path.stat().st_size} bytes", kind="Conflict")
        return
    unfinished = path.with_suffix(UNFINISHED)
    with _removed_unless_renamed(unfinished), unfinished.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(size)
        _run([*_MKFS, "-E", _MKFS_EXTENDED, str(unfinished)])
        _put_in_place(file.fileno(), unfinished, path)


def grow(folder: Path, volume_id: str, size: int) -> None:
    """Give a volume more room, on a copy. Raises ``VolumeError``, ``VolumeInUseError``, ``OSError``."""
    path = path_of(folder, volume_id)
    size = _whole_blocks(size)
    with locked(path) as image:
        if os.fstat(image).st_size == size:
            return  # whoever asks again, or second, is answered even when it has been mounted since
    with _idle(path) as image:
        now = os.fstat(image).st_size
        if size < now:
            raise VolumeError(f"the volume has {now} bytes already; a volume only grows", kind="Shrink")
        unfinished = path.with_suffix(UNFINISHED)
        with _removed_unless_renamed(unfinished), unfinished.open("w+b") as file:
            os.fchmod(file.fileno(), 0o600)
            copy_into(image, file.fileno())
            # It replays the journal of a volume that a crash of the machine left mounted.
            _run(["e2fsck", "-f", "-p", str(unfinished)], fine=(0, _MENDED))
            file.truncate(size)
            _run(["resize2fs", str(unfinished)])
            _put_in_place(file.fileno(), unfinished, path)


def remove(folder: Path, volume_id: str) -> None:
    """Remove a volume if there is one. Raises ``VolumeInUseError``, ``OSError``."""
    path = path_of(folder, volume_id)
    try:
        with _idle(path):
            path.unlink()
            _sync_folder(folder)
    except VolumeError as error:
        if error.kind != "Missing":
            raise


def forget_unfinished(folder: Path) -> None:
    """Remove what was half made when an earlier host ended."""
    for unfinished in folder.glob(f"*{UNFINISHED}"):
        unfinished.unlink()


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """A descriptor of the image, which nobody else mounts, grows or removes meanwhile.

    Raises ``VolumeError`` where there is none, or where it is held for too long.
    """
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        image = _open(path)
        try:
            if _lock(image) and _is_at(image, path):
                yield image
                return
        finally:
            os.close(image)
        if time.monotonic() > deadline:
            raise VolumeError("the volume is being changed; try again when that is done", kind="Failed")
        time.sleep(_PAUSE)


@contextmanager
def _idle(path: Path) -> Iterator[int]:
    """The image, locked and not mounted. Raises ``VolumeInUseError``."""
    with locked(path) as image:
        deadline = time.monotonic() + LETTING_GO
        while (found := loop.find(image, path.name)) is not None:
            os.close(found[0])
            if time.monotonic() > deadline:
                raise VolumeInUseError("the volume is mounted in a sandbox; delete the sandboxes that use it first")
            time.sleep(_PAUSE)
        yield image


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise VolumeError("there is no such volume", kind="Missing") from None


def _lock(image: int) -> bool:
    try:
        fcntl.flock(image, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(image: int, path: Path) -> bool:
    """Whether the file has not been replaced or removed before it was locked."""
    try:
        return os.path.samestat(os.fstat(image), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _removed_unless_renamed(unfinished: Path) -> Iterator[None]:
    try:
        yield
    finally:
        unfinished.unlink(missing_ok=True)


def _put_in_place(file: int, unfinished: Path, path: Path) -> None:
    os.fsync(file)
    unfinished.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _run(arguments: list[str], fine: tuple[int, ...] = (0,)) -> None:
    """Run one of e2fsprogs' tools, which ends with this process. Raises ``VolumeError``."""
    parent = os.getpid()

    def end_with_parent() -> None:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    try:
        done = subprocess.run(  # noqa: S603 - own words, and a path of the host's
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TOOL_SECONDS,
            env=_ENVIRONMENT,
            preexec_fn=end_with_parent,
        )
    except subprocess.TimeoutExpired as error:
        raise VolumeError(f"{arguments[0]} did not finish", kind="Failed") from error
    if done.returncode not in fine:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()[-500:]
        raise VolumeError(f"{arguments[0]} failed: {words}", kind="Full" if _says_full(words) else "Failed")


def _says_full(words: str) -> bool:
    return os.strerror(errno.ENOSPC) in words
