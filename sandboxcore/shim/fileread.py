"""The file requests that change nothing: read, stat and list."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.filepaths import failure, named_path, number
from sandboxcore.shim.wire import HEADER, Kind, encode, encode_control

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

PIECE = 256 * 1024
ENTRIES = 500
UNSIZED_BYTES = 16 << 20
"""Most that is read of a file that says it is empty, as those of /proc do."""

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def read(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Send a regular file or a range of it."""
    path = named_path(request)
    offset = number(request, "offset", 0) or 0
    length = number(request, "length", None)
    file, status = _open_regular(path)
    try:
        content = _unsized(file, path) if status.st_size == 0 else None
        size = status.st_size if content is None else len(content)
        wanted = max(0, size - offset if length is None else min(length, size - offset))
        head = {"type": "file", "size": size, "mode": status.st_mode & 0o7777, "mtime": status.st_mtime}
        connection.sendall(encode_control(head))
        if content is not None:
            _send_bytes(connection, memoryview(content)[offset : offset + wanted])
        else:
            _send_range(connection, file, path, offset, wanted)
        connection.sendall(encode_control({"type": "end"}))
    finally:
        os.close(file)


def describe_path(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Send what is at a path itself, a link not followed."""
    path = named_path(request)
    entry = describe(os.path.basename(path.rstrip("/")) or "/", path, os.lstat(path))
    connection.sendall(encode_control({"type": "stat", **entry}))


def list_folder(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Send a folder's entries, unordered, ``ENTRIES`` at a time."""
    part: list[dict[str, Any]] = []
    with os.scandir(named_path(request)) as entries:
        for entry in entries:
            try:
                part.append(describe(entry.name, entry.path, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue  # removed since the folder was read
            if len(part) == ENTRIES:
                connection.sendall(encode_control({"type": "entries", "entries": part}))
                part = []
    if part:
        connection.sendall(encode_control({"type": "entries", "entries": part}))
    connection.sendall(encode_control({"type": "end"}))


def describe(name: str, path: str, status: os.stat_result) -> dict[str, Any]:
    """One entry; ``target`` is a link's text and ``target_kind`` what it leads to, both null otherwise."""
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "device")
    target = target_kind = None
    if kind == "symlink":
        target, target_kind = _follow(path)
    return {
        "name": name,
        "kind": kind,
        "size": status.st_size,
        "mode": status.st_mode & 0o7777,
        "mtime": status.st_mtime,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "target": target,
        "target_kind": target_kind,
    }


def _follow(path: str) -> tuple[str | None, str | None]:
    try:
        target = os.readlink(path)
    except OSError:
        return None, None
    try:
        return target, _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), "device")
    except OSError:
        return target, None


def _open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file without ever waiting: a FIFO without a writer would, and a device may do anything."""
    _require_regular(os.stat(path), path)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        _require_regular(status, path)
    except OSError:
        os.close(file)
        raise
    return file, status


def _require_regular(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise failure(errno.EISDIR, path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)


def _unsized(file: int, path: str) -> bytes:
    content = bytearray()
    while piece := os.read(file, PIECE):
        content += piece
        if len(content) > UNSIZED_BYTES:
            raise failure(errno.EFBIG, path)
    return bytes(content)


def _send_bytes(connection: socket.socket, content: memoryview) -> None:
    for first in range(0, len(content), PIECE):
        connection.sendall(encode(Kind.DATA, content[first : first + PIECE]))


def _send_range(connection: socket.socket, file: int, path: str, offset: int, wanted: int) -> None:
    """Send ``wanted`` bytes; a file that was cut short meanwhile is an error, since its size was promised."""
    while wanted:
        piece = os.pread(file, min(PIECE, wanted), offset)
        if not piece:
            raise OSError(errno.EIO, "The file became shorter while it was read", path)
        connection.sendall(HEADER.pack(len(piece), Kind.DATA))
        connection.sendall(piece)
        offset += len(piece)
        wanted -= len(piece)
