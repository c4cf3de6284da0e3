"""Requests for files and for what runs, served inside the sandbox by a helper process as the sandbox's user.

The kernel resolves every path and link there, so nothing here has to be checked against an outside. Relative paths
are below ``HOME``. Names that are not UTF-8 travel as Python's surrogate escapes (``\\udc80``-``\\udcff`` in the JSON
text), and the same escapes in a request name the same file.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.filechange import make_folder, move, remove, write
from sandboxcore.shim.fileread import describe_path, list_folder, read
from sandboxcore.shim.looking import list_ports, list_processes
from sandboxcore.shim.wire import FrameError, encode_control

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

OPERATIONS: dict[str, Callable[[Mapping[str, Any], socket.socket], None]] = {
    "read": read,
    "write": write,
    "stat": describe_path,
    "list": list_folder,
    "mkdir": make_folder,
    "move": move,
    "remove": remove,
    "processes": list_processes,
    "ports": list_ports,
}
_READING = {"read", "stat", "list", "processes", "ports"}

_ERROR_TYPES = {
    errno.ENOENT: "FileNotFound",
    errno.EACCES: "PermissionDenied",
    errno.EPERM: "PermissionDenied",
    errno.EROFS: "PermissionDenied",
    errno.EISDIR: "IsADirectory",
    errno.ENOTDIR: "NotADirectory",
    errno.EEXIST: "FileExists",
    errno.ENOTEMPTY: "NotEmpty",
    errno.ENOSPC: "NoSpace",
    errno.EDQUOT: "NoSpace",
}


def serve_request(request: Mapping[str, Any], connection: socket.socket) -> None:
    """Do one such request, speaking the rest of its exchange on a blocking ``connection``; the caller closes that.

    Every failure is told to the peer, except that the peer is gone.
    """
    operation = str(request.get("op"))
    try:
        connection.setblocking(True)
        OPERATIONS[operation](request, connection)
    except (BrokenPipeError, ConnectionResetError):
        return
    except OSError as error:
        _refuse(connection, *explain(error, operation))
    except KeyError as error:
        _refuse(connection, _failure(operation), f"the request lacks {error}")
    except (ValueError, TypeError, FrameError) as error:
        _refuse(connection, _failure(operation), str(error))


def explain(error: OSError, operation: str) -> tuple[str, str]:
    """The protocol's error type for a failed call, and the kernel's words with the path."""
    kind = _ERROR_TYPES.get(error.errno or 0) or _failure(operation)
    words = error.strerror or str(error) or type(error).__name__
    return kind, f"{words}: {error.filename}" if error.filename is not None else words


def _failure(operation: str) -> str:
    return "ReadError" if operation in _READING else "WriteError"


def _refuse(connection: socket.socket, kind: str, message: str) -> None:
    try:
        connection.sendall(encode_control({"type": "error", "error_type": kind, "error": message}))
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN}:
            os.write(2, f"file operation: {error}\n".encode())
