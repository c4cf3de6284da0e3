"""One WebSocket between a client and a program: messages, subprotocols and close codes both ways.

Each side is spoken to in its own right: pings are answered where they arrive, messages are whole and bounded, and no
extension reaches across.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from sandboxcore.server.dataplane.dial import StreamResetError
from sandboxcore.server.gateway import headers, refusals
from sandboxcore.server.gateway.connecting import PIECE, Turns, connected, linger
from sandboxcore.server.waiting import first_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.dial import DialedStream
    from sandboxcore.server.dataplane.streams import Farewell
    from sandboxcore.server.gateway.connecting import Dial
    from sandboxcore.server.gateway.entrance import Visit

CLOSE_SECONDS = 5.0
SLICE = 8 * 1024
"""Bytes of the program's that are worked through at a time: they may be thousands of messages."""
MOST_PONGS = 64 * 1024
"""Bytes of answers to pings that may wait for a program that reads nothing."""
_OURS = {b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol"}
_HANDSHAKE = {b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-protocol", b"content-length"}
_quiet = logging.getLogger("sandboxd.gateway.websocket")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


async def pass_websocket(core: Core, dial: Dial, visit: Visit, receive: Receive, send: Send) -> None:
    """Carry a WebSocket. Raises ``Refusal`` before it is accepted, and ``ApiError`` 429."""
    await receive()  # websocket.connect
    with core.streams.admitted(visit.leave.target) as farewell:
        async with connected(dial, visit.leave) as stream:
            session = _Session(core, visit, stream, receive, send)
            if not await session.shake_hands():
                return
            if await session.run(farewell):
                await linger(stream)


class _Session:
    def __init__(self, core: Core, visit: Visit, stream: DialedStream, receive: Receive, send: Send) -> None:
        self._core = core
        self._visit = visit
        self._stream = stream
        self._receive = receive
        self._send = send
        uri = WebSocketURI(False, "sandbox", 80, "", "")
        subprotocols = [Subprotocol(name) for name in visit.scope["subprotocols"] if name]
        self._protocol = ClientProtocol(
            uri, subprotocols=subprotocols or None, max_size=core.settings.message_limit, logger=_quiet
        )
        self._outgoing: deque[bytes] = deque()
        self._outgoing_size = 0
        self._wake = asyncio.Event()
        self._flushed = asyncio.Event()
        self._parts = bytearray()
        """Of a message that is not whole yet; there may be millions of pieces, also empty ones."""
        self._is_text = False
        self._turns = Turns()

    async def shake_hands(self) -> bool:
        """Connect with the program, then accept the client; False when the program refused, as the client was told.

        Raises ``Refusal``.
        """
        port, patience = self._visit.leave.port, self._core.settings.service_answer_timeout
        try:
            async with asyncio.timeout(patience):
                answer = await self._ask()
        except TimeoutError:
            raise refusals.too_slow(port, patience) from None
        except StreamResetError:
            raise refusals.not_websocket(port) from None
        if answer is None:
            raise refusals.not_websocket(port)
        passed = self._for_client(answer)
        if self._protocol.handshake_exc is not None:
            if not isinstance(self._protocol.handshake_exc, InvalidStatus) or not 200 <= answer.status_code < 600:
                raise refusals.not_websocket(port)
            await self._deny(answer, passed)
            return False
        await self._send(
            {"type": "websocket.accept", "subprotocol": self._protocol.subprotocol or None, "headers": passed}
        )
        return True

    async def _ask(self) -> Response | None:
        """Send the handshake; the program's answer, None where it is none. Raises ``StreamResetError``."""
        request = self._protocol.connect()
        request.path = self._visit.request_target.decode("ascii")
        del request.headers["Host"]
        scope = self._visit.scope
        client = (scope.get("client") or ("unknown",))[0]
        for name, value in headers.for_program(scope["headers"], self._visit.place, client):
            if name not in _OURS:
                request.headers[name.decode("ascii")] = value.decode("latin-1")
        self._protocol.send_request(request)
        for piece in self._protocol.data_to_send():
            await self._stream.write(piece)
        while self._protocol.handshake_exc is None:
            data = await self._stream.read(PIECE)
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            events = self._protocol.events
            if events and isinstance(events[0], Response):
                return events.pop(0)  # type: ignore[return-value]  # frames that came with it stay for later
            if not data:
                return None
        return None

    def _for_client(self, answer: Response) -> headers.Headers:
        """Raises ``Refusal``."""
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.raw_items()]
        try:
            passed = headers.for_client(raw, self._visit.place, answer.status_code)
        except headers.BadHeaderError:
            raise refusals.not_websocket(self._visit.leave.port) from None
        return [(name, value) for name, value in passed if name not in _HANDSHAKE]

    async def _deny(self, answer: Response, passed: headers.Headers) -> None:
        start = {"type": "websocket.http.response.start", "status": answer.status_code, "headers": passed}
        await self._send(start)
        await self._send({"type": "websocket.http.response.body", "body": bytes(answer.body or b"")})

    async def run(self, farewell: asyncio.Future[Farewell]) -> bool:
        """Carry messages until one side ends; True when both were told, so that the program may end in order."""
        writer = asyncio.create_task(self._write())
        up = asyncio.create_task(self._carry_up())
        down = asyncio.create_task(self._carry_down())
        tasks = {writer, up, down}
        try:
            await first_of(writer, up, down, farewell, within=self._visit.leave.seconds_left)
            if down.done():
                code, reason = down.result()
            elif up.done():
                goodbye = up.result()
                return goodbye is not None and await self._close_program(*goodbye)
            elif writer.done():
                await self._close_client(1011, "the program takes no more")
                return False
            elif farewell.done():
                code, reason = farewell.result().code, "the server is restarting, or the key was revoked"
            else:
                code, reason = 1008, "the token has expired"
            await self._close_client(code, reason)
            return await self._close_program(1001, reason)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_up(self) -> tuple[int | None, str] | None:
        """The client's messages, until it closes with code and reason; None when it vanished."""
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            if self._protocol.state is not State.OPEN:
                continue  # the program has said goodbye, and the client is about to hear it
            if text is not None:
                self._protocol.send_text(text.encode())
            else:
                self._protocol.send_binary(message["bytes"])
            self._enqueue()
            await self._flushed.wait()
            self._core.activity.touch(self._visit.leave.target.sandbox_id)
        return _goodbye(message)

    async def _carry_down(self) -> tuple[int, str]:
        """The program's messages, until it ends; the close code and reason for the client."""
        self._enqueue()  # answers to what came along with the handshake
        for event in self._protocol.events_received():
            if (ended := await self._handle(event)) is not None:
                return ended
        while True:
            try:
                data = await self._stream.read(PIECE)
            except StreamResetError:
                data = b""
            for start in range(0, len(data), SLICE):
                self._protocol.receive_data(data[start : start + SLICE])
                events = self._protocol.events_received()
                self._enqueue()
                for event in events:
                    if (ended := await self._handle(event)) is not None:
                        return ended
                await self._turns.take()
            if not data:
                return 1011, "the program ended the connection without a word"
            if self._protocol.parser_exc is not None:
                sent = self._protocol.close_sent
                return (sent.code if sent else 1011), "the program broke the WebSocket protocol"
            if self._outgoing_size > MOST_PONGS:
                await self._flushed.wait()

    async def _handle(self, event: Any) -> tuple[int, str] | None:
        """Pass one frame on; how the program closed, where it did."""
        assert isinstance(event, Frame)  # noqa: S101  # the response was taken out by the handshake
        if event.opcode is Opcode.CLOSE:
            closed = self._protocol.close_rcvd
            return (1000 if closed is None or closed.code == 1005 else closed.code), (closed.reason if closed else "")
        if event.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._is_text = event.opcode is Opcode.TEXT
        elif event.opcode is not Opcode.CONT:
            return None
        self._parts += event.data
        if not event.fin:
            return None
        whole, self._parts = bytes(self._parts), bytearray()
        message: Message = {"type": "websocket.send"}
        if self._is_text:
            try:
                message["text"] = whole.decode()
            except UnicodeDecodeError:
                self._protocol.fail(1007)
                self._enqueue()
                return 1007, "the program sent text that is not UTF-8"
        else:
            message["bytes"] = whole
        try:
            await self._send(message)
        except OSError:  # the client has gone, which the other direction is about to hear
            await asyncio.Event().wait()
        self._core.activity.touch(self._visit.leave.target.sandbox_id)
        return None

    def _enqueue(self) -> None:
        """Hand what the protocol wants sent to the writer."""
        for piece in self._protocol.data_to_send():
            if piece:
                self._outgoing.append(piece)
                self._outgoing_size += len(piece)
        if self._outgoing:
            self._flushed.clear()
            self._wake.set()
        else:
            self._flushed.set()

    async def _write(self) -> None:
        """Send to the program, in order; returns when it takes no more."""
        with suppress(StreamResetError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outgoing:
                    piece = self._outgoing[0]
                    await self._stream.write(piece)
                    self._outgoing.popleft()
                    self._outgoing_size -= len(piece)
                self._flushed.set()

    async def _close_client(self, code: int, reason: str) -> None:
        """Close, unless the client has gone or takes nothing."""
        text = reason.encode()[:120].decode(errors="ignore")
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": text})

    async def _close_program(self, code: int | None, reason: str) -> bool:
        """Say goodbye to the program; False where it cannot be told."""
        if self._protocol.state is State.OPEN:
            try:
                self._protocol.send_close(code, reason if code else "")
            except ProtocolError:
                self._protocol.send_close(1000)
        self._enqueue()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._flushed.wait()
        except TimeoutError:
            return False
        return True


def _goodbye(message: Message) -> tuple[int | None, str] | None:
    """How the client closed; None when it vanished, which has no reason, not even an empty one."""
    if "reason" not in message:
        return None
    code = message.get("code", 1005)
    return (None if code in {1005, 1006} else code), message["reason"] or ""
