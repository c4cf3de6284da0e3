"""How a stream of a tunnel begins: the client names a port, the server says whether it was reached."""

from __future__ import annotations

import struct
from enum import IntEnum

from sandboxcore.errors import (
    TunnelConnectionRefusedError,
    TunnelError,
    TunnelPortNotAllowedError,
    TunnelUnsupportedVersionError,
)

VERSION = 1
OPENING = struct.Struct("!BH")
"""Version and port: the client's first bytes on a stream."""
RECONNECT_DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each try to have a lost tunnel again; the last for all further ones."""


class Status(IntEnum):
    """The server's first byte on a stream."""

    OK = 0
    PORT_NOT_ALLOWED = 1
    DIAL_FAILED = 2
    UNSUPPORTED_VERSION = 3


def opening(port: int) -> bytes:
    """What asks for ``port``."""
    return OPENING.pack(VERSION, port)


def refusal(status: int, port: int) -> TunnelError | None:
    """The error that an answer means; None where the port was reached."""
    match status:
        case Status.OK:
            return None
        case Status.PORT_NOT_ALLOWED:
            return TunnelPortNotAllowedError(f"the server lets no tunnel reach port {port}", port=port)
        case Status.DIAL_FAILED:
            return TunnelConnectionRefusedError(f"nothing listens on port {port} inside the sandbox", port=port)
        case Status.UNSUPPORTED_VERSION:
            return TunnelUnsupportedVersionError(f"the server does not speak version {VERSION} of tunnels")
        case _:
            return TunnelError(f"the server answered port {port} with an unknown status, {status}")
