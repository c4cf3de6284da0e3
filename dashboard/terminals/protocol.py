"""What a terminal's page and the console say to each other on their WebSocket.

Binary messages are an 8-byte big-endian offset, then bytes. From the console they are the shell's output and the
offset counts the bytes of the shell's whole output. From the page they are what was typed and the offset counts
the bytes that this page (``client``) ever typed, so that a retry after a reconnect is known for one.

Text messages are JSON objects with a ``type``:

from the page
    ``open``      first message: ``client, offset, rows, cols``; ``offset`` is the first byte of output wanted
    ``taken``     ``offset``: output before it has been drawn; the console keeps ``OUTPUT_WINDOW`` beyond it in flight
    ``resize``    ``rows, cols``: the size that this page would give the shell
    ``skip``      what was not sent yet is to be passed over but for its end: the person has interrupted a flood;
                  ``skipped`` answers it
    ``redraw``    the program on the screen is to draw it again
    ``keyboard``  ``to``: the page (``id`` of ``people``) that is to have the keyboard; this page may always take it
    ``ping``      ``id``; and ``pong`` in answer to one

from the console
    ``opened``    ``read_only``; ``input``: how much of this client's typing is already taken (null: unknown client);
                  ``you``: this page's id
    ``people``    ``people``: who has this shell open, each ``id, name, you, may_type``; ``keyboard``: the id of the
                  page that has the keyboard, or null; ``rows, cols``: the shell's size, which follows that page
    ``live``      ``offset``: output before it is a replay, whose questions to the terminal were answered long ago
    ``answer``    ``on``: whether this page's terminal is the one that answers such questions
    ``gap``       ``from, to``: output that is no longer kept, or that ``skip`` has passed over
    ``skipped``   after a ``gap`` if there is one: what comes now is behind what was passed over
    ``modes``     ``sequence``: brings a terminal that has not seen what came before to the modes that hold here
    ``taken``     ``offset``: typing before it was taken by the shell's session, which remembers it
    ``refused``   ``offset``: typing from it on is dropped; somebody else has the keyboard
    ``exit``      ``exit_code``; then the console closes
    ``ping``      ``id``; and ``pong`` in answer to one
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any, Final

from dashboard.sockets import CloseCode, Closing

OFFSET: Final = struct.Struct("!Q")
MAX_MESSAGE: Final = 64 * 1024
"""Most bytes of one message from a page."""
OUTPUT_WINDOW: Final = 256 * 1024
"""Most bytes of output on their way to one page."""
MAX_OFFSET: Final = 2**53 - 1
"""A page counts in doubles."""
_CLIENT = re.compile(r"\A[0-9a-zA-Z-]{8,64}\Z")


@dataclass(frozen=True, slots=True)
class Size:
    """A terminal's size in cells."""

    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class Open:
    """A page's first message."""

    client: str
    offset: int
    size: Size


def encode_output(offset: int, data: bytes) -> bytes:
    """A message with the output that begins at ``offset``."""
    return OFFSET.pack(offset) + data


def decode_input(message: bytes) -> tuple[int, bytes]:
    """The offset and the bytes typed. Raises ``Closing``."""
    if not OFFSET.size < len(message) <= MAX_MESSAGE:
        raise Closing(CloseCode.BAD_MESSAGE, f"typed message of {len(message)} bytes")
    return _offset(OFFSET.unpack_from(message)[0]), message[OFFSET.size :]


def decode_control(text: str) -> dict[str, Any]:
    """The JSON object of a text message. Raises ``Closing``."""
    if len(text) > MAX_MESSAGE:
        raise Closing(CloseCode.BAD_MESSAGE, "message too long")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Closing(CloseCode.BAD_MESSAGE, "message is not JSON") from None
    if not isinstance(message, dict):
        raise Closing(CloseCode.BAD_MESSAGE, "message is not an object")
    return message


def decode_open(message: dict[str, Any]) -> Open:
    """The first message. Raises ``Closing``."""
    client = message.get("client")
    if message.get("type") != "open" or not isinstance(client, str) or not _CLIENT.match(client):
        raise Closing(CloseCode.BAD_MESSAGE, "the first message must be open")
    return Open(client, _offset(message.get("offset")), decode_size(message))


def decode_size(message: dict[str, Any]) -> Size:
    """Rows and columns, each 1 to 1000. Raises ``Closing``."""
    return Size(_number(message.get("rows"), 1, 1000), _number(message.get("cols"), 1, 1000))


def decode_taken(message: dict[str, Any]) -> int:
    """The offset of a ``taken`` message. Raises ``Closing``."""
    return _offset(message.get("offset"))


def decode_page(message: dict[str, Any]) -> int:
    """The page's id in a ``keyboard`` message. Raises ``Closing``."""
    return _number(message.get("to"), 0, 2**31)


def _offset(value: object) -> int:
    return _number(value, 0, MAX_OFFSET)


def _number(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise Closing(CloseCode.BAD_MESSAGE, f"a number from {low} to {high} was expected")
    return value
