"""From a WebSocket client to a command: input, orders, acknowledgements."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from sandboxcore.errors import SandboxError
from sandboxcore.server.dataplane.shim_client import order

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from starlette.websockets import WebSocket

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.shim_client import ShimConnection
    from sandboxcore.server.dataplane.target import Target

LEAST_WINDOW = 64 * 1024
MOST_PENDING = 8 << 20
"""Bytes of input that wait for a command that does not read. While there is room, orders overtake them."""


class ClientMessageError(SandboxError):
    """The client sent something that is no message of the protocol."""


class Flow:
    """How far output may run ahead of what the client says it has used.

    Only for a client whose first message has ``window``, in bytes of output; others are held back by their socket.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._ahead = 0
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Flow:
        """The flow that a first message asks for. Raises ``ClientMessageError``."""
        window = request.get("window") or 0
        if isinstance(window, bool) or not isinstance(window, int) or window < 0:
            raise ClientMessageError("'window' must be a number of bytes")
        return cls(max(window, LEAST_WINDOW) if window else 0)

    async def sent(self, size: int) -> None:
        """So much was sent; returns when more may be."""
        self._ahead += size
        if self._ahead >= self.window:
            self._may_go_on.clear()
            await self._may_go_on.wait()

    def acknowledged(self, size: int) -> None:
        """The client has used so much."""
        self._ahead = max(0, self._ahead - size)
        if self._ahead < self.window:
            self._may_go_on.set()


class Upstream:
    """Reads the client's messages and never lets an order wait behind input that the command does not read."""

    def __init__(self, core: Core, target: Target, shim: ShimConnection, command_id: str, flow: Flow) -> None:
        self._core = core
        self._target = target
        self._shim = shim
        self._command_id = command_id
        self._flow = flow
        self._pending: deque[dict[str, Any] | bytes] = deque()
        self._pending_bytes = 0
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._room = asyncio.Event()
        self._room.set()

    async def run(self, websocket: WebSocket) -> bool:
        """Until the client leaves; True when it said goodbye, False when it vanished and may come back.

        Raises ``ClientMessageError`` or ``ShimUnreachableError``.
        """
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read(websocket))
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                writer.result()
            said_goodbye = await reader
            # What a client sent just before it left gets a moment to arrive.
            drained = asyncio.create_task(self._drained.wait())
            await asyncio.wait({writer, drained}, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()
            return said_goodbye
        finally:
            writer.cancel()
            reader.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _read(self, websocket: WebSocket) -> bool:
        while True:
            event = await websocket.receive()
            if event["type"] == "websocket.disconnect":
                # Only a close frame brings a reason, be it empty: a connection that just ended has none.
                return "reason" in event
            await self._obey(parse_message(event))
            await self._room.wait()

    async def _obey(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "input":
            self._input(message)
        elif kind == "kill":
            await self._order({"op": "kill"})
        elif kind == "signal":
            await self._order({"op": "signal", "signal": message.get("signal")})
        elif kind == "resize":
            self._put({"op": "resize", "rows": message.get("rows"), "cols": message.get("cols")})
        elif kind == "close_stdin":
            self._put({"op": "close_stdin"})
        elif kind == "skip":
            self._put({"op": "skip", "keep": message.get("keep")})
        elif kind == "ack":
            self._acknowledge(message)
        else:
            raise ClientMessageError(f"unknown message type '{str(kind)[:32]}'")

    def _input(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        if not isinstance(data, str):
            raise ClientMessageError("'data' of an input must be a string")
        self._core.activity.touch(self._target.sandbox_id)
        if "offset" in message:
            self._put({"op": "input", "offset": message["offset"], "data": data})
        else:
            self._put(data.encode(errors="replace"))

    def _acknowledge(self, message: dict[str, Any]) -> None:
        size = message.get("bytes")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ClientMessageError("'bytes' of an ack must be a number of bytes")
        self._flow.acknowledged(size)

    async def _order(self, message: dict[str, Any]) -> None:
        """A kill or a signal: in its turn when nothing waits, else past what waits."""
        if self._pending_bytes:
            await order(self._target.shim_socket, message | {"command_id": self._command_id})
        else:
            self._put(message)

    def _put(self, item: dict[str, Any] | bytes) -> None:
        self._pending.append(item)
        self._pending_bytes += _typed(item)
        self._changed.set()
        self._drained.clear()
        if self._pending_bytes > MOST_PENDING or len(self._pending) > 10_000:
            self._room.clear()

    async def _write(self) -> None:
        while True:
            while self._pending:
                item = self._pending[0]
                if isinstance(item, bytes):
                    await self._shim.send_data(item)
                else:
                    await self._shim.send(item)
                self._pending_bytes -= _typed(item)
                self._pending.popleft()
                self._room.set()
            self._drained.set()
            self._changed.clear()
            await self._changed.wait()


def _typed(item: dict[str, Any] | bytes) -> int:
    """How much input this is, about in bytes."""
    return len(item) if isinstance(item, bytes) else len(item.get("data", ""))


def parse_message(event: MutableMapping[str, Any]) -> dict[str, Any]:
    """The JSON object in a WebSocket message. Raises ``ClientMessageError``."""
    text = event.get("text")
    if text is None:
        raise ClientMessageError("messages are text, not binary")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ClientMessageError(f"the message is not JSON: {error}") from None
    if not isinstance(message, dict) or "type" not in message:
        raise ClientMessageError("a message is a JSON object with 'type'")
    return message
