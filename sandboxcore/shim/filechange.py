"""The file requests that change something: write, mkdir, move and remove."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.filepaths import failure, named_path, number, refuse_root
from sandboxcore.shim.wire import FrameError, FrameReader, Kind, decode_control, encode_control

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

PIECE = 256 * 1024


def write(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Receive a file. It is gathered beside its place and appears there whole, or not at all.

    A link is written through; a file that exists keeps its mode and owner.
    """
    path = os.path.realpath(named_path(request))
    mode = number(request, "mode", None)
    old = _replaced(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = os.path.join(os.path.dirname(path), f".upload-{os.urandom(8).hex()}")
    try:
        size = _receive_draft(draft, path, connection)
        if size is None:
            return
        _dress(draft, old, mode)
        os.rename(draft, path)
    finally:
        _discard(draft)
    connection.sendall(encode_control({"type": "done", "size": size}))


def make_folder(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Make a folder and its parents; one that exists is an error."""
    path = named_path(request).rstrip("/") or "/"
    mode = number(request, "mode", None)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mkdir(path)
    if mode is not None:
        os.chmod(path, mode & 0o7777)
    connection.sendall(encode_control({"type": "done"}))


def move(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Rename, across file systems too; what is at ``to`` already is replaced only with ``overwrite``."""
    path, to = named_path(request), named_path(request, "to")
    refuse_root(path)
    os.lstat(path)
    if os.path.lexists(to) and not request.get("overwrite"):
        raise failure(errno.EEXIST, to)
    try:
        os.rename(path, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise OSError(error.errno, error.strerror, _guilty(error.errno, path, to)) from None
        _move_across(path, to)
    connection.sendall(encode_control({"type": "done"}))


def remove(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Remove a file, a link, an empty folder, or with ``recursive`` a folder and all in it; no link is followed."""
    path = named_path(request)
    path = path.rstrip("/") or "/"
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
    else:
        refuse_root(path)
        if request.get("recursive"):
            _remove_tree(path)
        else:
            os.rmdir(path)
    connection.sendall(encode_control({"type": "done"}))


def _replaced(path: str) -> os.stat_result | None:
    """The file that a write would replace. Raises ``OSError`` where it could not be written in place."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise failure(errno.EISDIR, path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)
    if not os.access(path, os.W_OK):
        raise failure(errno.EACCES, path)
    return status


def _receive_draft(draft: str, path: str, connection: socket.socket) -> int | None:
    """Gather the content; its size, or None when the peer vanished. Errors name ``path``, not the draft."""
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    try:
        connection.sendall(encode_control({"type": "ready"}))
        size = 0
        for piece in _content(connection):
            if piece is None:
                return None
            size += _write_all(file, piece, path)
        return size
    finally:
        os.close(file)


def _content(connection: socket.socket) -> Iterator[bytes | None]:
    """The pieces of an upload; a last None where the peer vanished before its end. Raises ``FrameError``."""
    reader = FrameReader()
    while data := connection.recv(PIECE):
        for kind, body in reader.feed(data):
            if kind is Kind.DATA:
                yield body
            elif kind is Kind.CONTROL and decode_control(body).get("op") == "end":
                return
            else:
                raise FrameError("only data and end may follow a write request")
    yield None


def _write_all(file: int, piece: bytes, path: str) -> int:
    view = memoryview(piece)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    return len(piece)


def _dress(draft: str, old: os.stat_result | None, mode: int | None) -> None:
    """Give the draft its owner and mode: those of the file that it replaces, or the ones asked for."""
    if old is not None:
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            try:
                os.chown(draft, old.st_uid, old.st_gid)
            except PermissionError:
                mode = old.st_mode & 0o777 if mode is None else mode  # another's setuid bit must not become ours
        mode = old.st_mode if mode is None else mode
    if mode is None:
        mask = os.umask(0o077)
        os.umask(mask)
        mode = 0o666 & ~mask
    os.chmod(draft, mode & 0o7777)


def _discard(draft: str) -> None:
    try:
        os.unlink(draft)
    except FileNotFoundError:
        return


def _guilty(code: int | None, path: str, to: str) -> str:
    """Which of a move's two paths an error is about."""
    if code == errno.ENOENT or code in {errno.ENOTEMPTY, errno.EISDIR, errno.EEXIST, errno.ENOSPC}:
        return to
    return path


def _move_across(path: str, to: str) -> None:
    """Copy and remove; imported here because few helpers ever need it."""
    import shutil

    if os.path.isdir(to) and not os.path.islink(to):
        raise failure(errno.EEXIST, to)
    shutil.move(path, to)


def _remove_tree(path: str) -> None:
    """Remove depth first, each folder opened relative to its parent without following links."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    stack = [(os.open(path, flags), "")]
    try:
        while stack:
            folder, name = stack[-1]
            below = _empty_once(folder)
            if below is None:
                stack.pop()
                os.close(folder)
                if stack:
                    os.rmdir(name, dir_fd=stack[-1][0])
            else:
                stack.append((os.open(below, flags, dir_fd=folder), below))
    finally:
        for folder, _ in stack:
            os.close(folder)
    os.rmdir(path)


def _empty_once(folder: int) -> str | None:
    """Unlink what is no folder; the name of a first folder that is left, or None."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=folder)
    return None
