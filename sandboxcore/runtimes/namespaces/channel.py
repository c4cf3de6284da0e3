"""Messages between the shim and PID 1: a length, a count of descriptors, a JSON object, on a unix stream socket.

Descriptors travel with the first byte of their message. Both ends decode with ``Decoder``, which never believes a
length or a count beyond the limits that its owner set: the shim must not trust what comes out of a sandbox.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = struct.Struct("!IB")
MAX_DESCRIPTORS = 8
MAX_TO_INIT = 16 << 20
"""Bytes of one message into the sandbox: room for the longest command line and environment, escaped."""
MAX_FROM_INIT = 64 << 10
"""Bytes of one message out of the sandbox."""
READ_SIZE = 256 << 10

Message = tuple[dict[str, Any], list[int]]


class ChannelError(ValueError):
    """The peer sent what this protocol does not know; the channel cannot go on."""


def encode(message: dict[str, Any], descriptors: int = 0) -> bytes:
    """The bytes of one message that is sent along with that many descriptors."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body), descriptors) + body


def ancillary(descriptors: Sequence[int]) -> list[tuple[int, int, array.array[int]]]:
    """What ``sendmsg`` needs to pass the descriptors."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Bytes and descriptors that have arrived; no bytes at the end of the stream."""
    size = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
    data, messages, _, _ = connection.recvmsg(READ_SIZE, size, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in messages:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) // 4 * 4])
    return data, list(descriptors)


def close_all(descriptors: Sequence[int]) -> None:
    """Close every one."""
    for descriptor in descriptors:
        os.close(descriptor)


class Decoder:
    """Cuts a stream into messages and gives each its descriptors."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._buffer = bytearray()
        self._descriptors: list[int] = []

    def feed(self, data: bytes, descriptors: Sequence[int]) -> list[Message]:
        """The messages that are now complete. Raises ``ChannelError``, after which ``close`` is all that is left."""
        self._buffer += data
        self._descriptors += descriptors
        if len(self._descriptors) > 2 * MAX_DESCRIPTORS:
            raise ChannelError("more descriptors than messages may carry")
        messages: list[Message] = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        if len(self._buffer) < HEADER.size:
            return None
        length, count = HEADER.unpack_from(self._buffer)
        if length > self._max_body or count > MAX_DESCRIPTORS:
            raise ChannelError(f"message of {length} bytes and {count} descriptors")
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        if count > len(self._descriptors):
            raise ChannelError("descriptors are missing")
        body = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        message = _parse(body)
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return message, taken

    def close(self) -> None:
        """Close descriptors that no message has claimed."""
        close_all(self._descriptors)
        self._descriptors = []


def _parse(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ChannelError(f"message is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise ChannelError("message is not a JSON object")
    return message


class BlockingChannel:
    """PID 1's end: whole messages, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._decoder = Decoder(MAX_TO_INIT)

    def fileno(self) -> int:
        """For ``poll``."""
        return self._connection.fileno()

    def receive(self) -> list[Message] | None:
        """What has arrived, perhaps nothing whole yet; None at the end. Blocks when nothing is there."""
        data, descriptors = receive(self._connection)
        if not data:
            return None
        return self._decoder.feed(data, descriptors)

    def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one message whole."""
        data = encode(message, len(descriptors))
        sent = self._connection.sendmsg([data], ancillary(descriptors))
        if sent < len(data):
            self._connection.sendall(data[sent:])
