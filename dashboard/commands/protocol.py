"""What the page of a command and the console say to each other on their WebSocket.

Binary messages go to the page: one byte for the stream (1 standard output, 2 standard error), eight for the offset
(big-endian, in bytes of that stream), then whole UTF-8 characters of output.

Text messages are JSON objects with a ``type``:

from the page
    ``open``   first message: ``stdout, stderr``, the offsets of the first bytes wanted
    ``taken``  ``bytes``: how many of the bytes sent on this connection have been drawn
    ``pong``   in answer to ``ping``

from the console
    ``opened`` the command is attached to
    ``gap``    ``stream, from, to``: output that is no longer kept
    ``exit``   ``exit_code``; or null with the ``reason``. Then the console closes
    ``ping``

Close codes are those of terminals.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dashboard.sockets import CloseCode, Closing

if TYPE_CHECKING:
    from sandboxcore import OutputChunk

HEADER: Final = struct.Struct("!BQ")
STREAMS: Final = {"stdout": 1, "stderr": 2}
WINDOW: Final = 256 * 1024
"""Most bytes of output on their way to one page."""
MAX_OFFSET: Final = 2**53 - 1
"""A page counts in doubles."""


@dataclass(frozen=True, slots=True)
class Open:
    """A page's first message: the first bytes that it wants of each stream."""

    stdout: int
    stderr: int


def encode_output(chunk: OutputChunk) -> bytes:
    """A message with a piece of output."""
    return HEADER.pack(STREAMS[chunk.stream], chunk.offset) + chunk.data.encode()


def decode_open(message: dict[str, Any]) -> Open:
    """The first message. Raises ``Closing``."""
    if message.get("type") != "open":
        raise Closing(CloseCode.BAD_MESSAGE, "the first message must be open")
    return Open(_count(message.get("stdout")), _count(message.get("stderr")))


def decode_taken(message: dict[str, Any]) -> int:
    """The bytes of a ``taken`` message. Raises ``Closing``."""
    return _count(message.get("bytes"))


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_OFFSET:
        raise Closing(CloseCode.BAD_MESSAGE, "a number of bytes was expected")
    return value
