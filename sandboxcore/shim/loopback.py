"""TCP connections to a program that listens on the loopback of a sandbox.

The socket must be made where the program is, so a runtime makes it and begins to connect there (``begin``); the
shim waits for the outcome (``dial``), so that nothing inside the sandbox waits for a program that never accepts.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from sandboxcore.shim.link import writable
from sandboxcore.shim.spawner import DialError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ADDRESSES: dict[int, tuple[socket.AddressFamily, str]] = {
    4: (socket.AF_INET, "127.0.0.1"),
    6: (socket.AF_INET6, "::1"),
}
"""Where programs listen, by IP version, in the order of trying."""
CONNECT_SECONDS = 5.0
"""How long a program whose queue is full may take to accept; the kernel tries again after 1 and 3 s."""
_NOT_THERE = {errno.ECONNREFUSED, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH}
"""Nothing listens at this address, or there is no such address here."""
_UNDER_WAY = {0, errno.EINPROGRESS}


def begin(version: int, port: int) -> socket.socket:
    """A non-blocking socket that is connecting to ``port`` of this process's own loopback. Raises ``OSError``."""
    family, host = ADDRESSES[version]
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    code = sock.connect_ex((host, port))
    if code in _UNDER_WAY:
        return sock
    sock.close()
    raise OSError(code, os.strerror(code))


async def dial(port: int, open_socket: Callable[[int, int], Awaitable[socket.socket]]) -> socket.socket:
    """A connected, non-blocking socket; ``open_socket(version, port)`` is ``begin``, done where the program is.

    Raises ``DialError``, and what ``open_socket`` raises other than ``OSError``.
    """
    for version in ADDRESSES:
        try:
            sock = await open_socket(version, port)
        except OSError as error:
            if error.errno in _NOT_THERE:
                continue
            raise DialError(f"cannot connect to port {port}: {error.strerror}") from None
        try:
            code = await _outcome(sock, port)
        except BaseException:
            sock.close()
            raise
        if not code:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        sock.close()
        if code not in _NOT_THERE:
            raise DialError(f"cannot connect to port {port}: {os.strerror(code)}")
    raise DialError(f"nothing listens on port {port}", kind="PortClosed")


async def _outcome(sock: socket.socket, port: int) -> int:
    """Wait until connecting has ended: 0, or the error's number. Raises ``DialError`` when it takes too long."""
    if not await writable(sock, CONNECT_SECONDS):
        raise DialError(f"the program on port {port} accepts no connections", kind="PortBusy")
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
