"""Connections of clients, bounded before anybody knows who they are.

uvicorn's own protocols take heads of any size, for any time, and work through all that came at once before anything
else gets its turn.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio
    from asyncio import BaseTransport, TimerHandle

    from websockets.frames import Frame

HEAD_BYTES = 128 * 1024
"""Most bytes of a request's line and headers, and of what follows its body."""
HEAD_SECONDS = 20.0
"""How long a client may take to send them, from when it connects or, later, from when it begins."""
SLICE = 8 * 1024
"""Bytes of a WebSocket that are worked through at a time: they may be thousands of messages."""
TURN_SECONDS = 0.005
"""How long one WebSocket is worked on before others get their turn."""
UNREAD_ANSWERS = 256 * 1024
"""Bytes of answers to pings that a client may leave unread."""
_TOO_LARGE = b"the request's headers are too large"


def most_connections() -> int:
    """Half of the files that this process may open: the others are for the database and the sandboxes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**30 if soft == resource.RLIM_INFINITY else max(soft // 2, 16)


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 of a client whose head is bounded in size and time; what trails a body is dropped."""

    _patience: TimerHandle | None = None
    _head_bytes = 0
    _quiet_bytes = 0
    """Since the body's last piece, of what is none: chunks' extensions, and what trails."""
    _in_head = True
    _began = _moved = False
    """Whether a head has begun, and whether a body went on, in what is being read now."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > most_connections():
            self.transport.abort()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._began = self._moved = False
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._in_head:
            self._head_bytes += 0 if self._began else len(data)
        else:
            self._quiet_bytes = 0 if self._moved else self._quiet_bytes + len(data)
        if self._head_bytes > HEAD_BYTES:
            self.send_400_response("")
        elif self._quiet_bytes > HEAD_BYTES:
            self.transport.abort()
        elif self._is_idle() and self.timeout_keep_alive_task is None:
            self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes <= HEAD_BYTES:
            super().send_400_response(msg)
            return
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_TOO_LARGE), _TOO_LARGE)
        )
        self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head = self._began = True
        self._head_bytes = self._quiet_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a header that trails the body is none, whatever it says
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("the head is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._moved = False, True
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._moved = True
        super().on_message_complete()

    def _is_idle(self) -> bool:
        served: Any = self.cycle  # at first there is none, whatever its type says
        return self._patience is None and (served is None or served.response_complete)

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class PacedWebSocket(WebSocketsSansIOProtocol):
    """A client's WebSocket that is worked through in turns, and holds no more than its messages."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting = memoryview(b"")
        self._turn: asyncio.Handle | None = None
        self._whole = bytearray()
        """Of a message that is not complete."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._turn is not None:
            self._turn.cancel()
        while self._waiting:
            self._take_slice()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._waiting = memoryview(bytes(self._waiting) + data) if self._waiting else memoryview(data)
        if self._turn is None:
            self._take_turn()

    async def receive(self) -> Any:
        message = await super().receive()
        if self._waiting:
            self.transport.pause_reading()  # uvicorn goes on when its queue is empty
        return message

    def handle_cont(self, event: Frame) -> None:
        """Pieces are put together as they come: there may be millions, and empty ones without an end."""
        if self.frames:
            self._whole += self.frames.pop()
        self._whole += event.data
        if event.fin:
            self.frames, self._whole = [bytes(self._whole)], bytearray()
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        super().handle_ping()
        if self.transport.get_write_buffer_size() > UNREAD_ANSWERS:
            self.transport.abort()

    def _take_turn(self) -> None:
        self._turn = None
        began = self.loop.time()
        while self._waiting:
            self._take_slice()
            if self._waiting and self.loop.time() - began > TURN_SECONDS:
                self.transport.pause_reading()
                self._turn = self.loop.call_soon(self._take_turn)
                return
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _take_slice(self) -> None:
        piece, self._waiting = self._waiting[:SLICE], self._waiting[SLICE:]
        if self.transport.is_closing():
            self._waiting = memoryview(b"")
        else:
            super().data_received(bytes(piece))
