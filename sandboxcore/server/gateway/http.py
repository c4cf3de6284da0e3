"""One HTTP request to a program and its answer, streamed both ways.

h11 writes the request and reads the answer, so that neither a client nor a program decides where a message ends. Each
request has a connection of its own. An answer that the program breaks off is broken off to the client too: it is
shorter than its Content-Length, or lacks its last chunk.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import h11

from sandboxcore.server.dataplane.dial import StreamResetError
from sandboxcore.server.gateway import headers, refusals
from sandboxcore.server.gateway.connecting import PIECE, Turns, connected, linger
from sandboxcore.server.waiting import first_of

if TYPE_CHECKING:
    from starlette.types import Receive, Send

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.dial import DialedStream
    from sandboxcore.server.dataplane.streams import Farewell
    from sandboxcore.server.gateway.connecting import Dial
    from sandboxcore.server.gateway.entrance import Visit

MAX_HEAD = 64 * 1024
"""Most bytes of the head of a program's answer, and of its trailers."""


class BrokenOffError(Exception):
    """The answer has begun and cannot be completed; the message says why."""


async def pass_request(core: Core, dial: Dial, visit: Visit, receive: Receive, send: Send) -> None:
    """Carry a request to the program and its answer back.

    Raises ``Refusal`` before the answer has begun, ``BrokenOffError`` after, and ``ApiError`` 429.
    """
    with core.streams.admitted(visit.leave.target) as farewell:
        exchange = _Exchange(core, visit, receive, send)
        async with connected(dial, visit.leave) as stream:
            over = await exchange.run(stream, farewell)
            if over:
                await linger(stream)


class _Exchange:
    """Raises ``Refusal`` when made from a request that cannot be carried on."""

    def __init__(self, core: Core, visit: Visit, receive: Receive, send: Send) -> None:
        self._core = core
        self._visit = visit
        self._receive = receive
        self._send = send
        self._patience = core.settings.service_answer_timeout
        self._clock: asyncio.Timeout | None = None
        self._begun = False
        self._turns = Turns()
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        try:
            self._head = self._http.send(self._request())
        except h11.LocalProtocolError:
            raise refusals.bad_request("the request is not proper HTTP, and cannot be carried on") from None

    def _request(self) -> h11.Request:
        scope, place = self._visit.scope, self._visit.place
        found = scope["headers"]
        passed = headers.for_program(found, place, (scope.get("client") or ("unknown",))[0])
        lengths = headers.values(found, b"content-length")
        if headers.values(found, b"transfer-encoding"):
            passed.append((b"transfer-encoding", b"chunked"))
        elif lengths:
            passed.append((b"content-length", lengths[0]))
        passed.append((b"connection", b"close"))
        return h11.Request(method=scope["method"], target=self._visit.request_target, headers=passed)

    async def run(self, stream: DialedStream, farewell: asyncio.Future[Farewell]) -> bool:
        """True when the answer was given in full, False when nobody waits for it any more.

        Raises ``Refusal`` or ``BrokenOffError``.
        """
        up = asyncio.create_task(self._carry_up(stream))
        down = asyncio.create_task(self._carry_down(stream))
        try:
            await first_of(up, down, farewell, within=self._visit.leave.seconds_left)
            if down.done():
                down.result()
                return True
            if up.done():
                self._give_up(up.result())
                return False
            why = "the server is restarting, or the key was revoked" if farewell.done() else "the token has expired"
            self._give_up(refusals.ended(why))
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        return False

    def _give_up(self, refusal: refusals.Refusal | None) -> None:
        """End before the answer is whole. Raises ``Refusal`` or ``BrokenOffError``, unless there is nobody to tell."""
        if refusal is None:
            return
        if self._begun:
            raise BrokenOffError(refusal.problem)
        raise refusal

    async def _carry_up(self, stream: DialedStream) -> refusals.Refusal | None:
        """The request, then the waiting for the client to leave; None then, or why it must end."""
        limit = self._core.settings.service_body_limit
        size = 0
        is_sending = await self._write(stream, self._head)
        while (message := await self._receive())["type"] != "http.disconnect":
            body = message.get("body", b"")
            size += len(body)
            if size > limit:
                return refusals.too_large(limit)
            if is_sending:
                is_last = not message.get("more_body", False)
                is_sending = await self._write(stream, self._body(body, is_last=is_last)) and not is_last
        return None

    def _body(self, body: bytes, *, is_last: bool) -> bytes:
        data = self._http.send(h11.Data(data=body)) if body else b""
        return data + self._http.send(h11.EndOfMessage()) if is_last else data

    async def _write(self, stream: DialedStream, data: bytes) -> bool:
        """Whether the program takes more; one that does not may have answered already."""
        try:
            if data:
                await stream.write(data)
        except StreamResetError:
            return False
        self._core.activity.touch(self._visit.leave.target.sandbox_id)
        if self._clock is not None:
            self._clock.reschedule(asyncio.get_running_loop().time() + self._patience)
        return True

    async def _carry_down(self, stream: DialedStream) -> None:
        """The answer. Raises ``Refusal`` or ``BrokenOffError``."""
        port = self._visit.leave.port
        try:
            async with asyncio.timeout(self._patience) as self._clock:
                while isinstance(answer := await self._event(stream), h11.InformationalResponse):
                    pass
            if not isinstance(answer, h11.Response) or not 200 <= answer.status_code < 600 or _is_large(answer):
                raise refusals.not_http(port)
            await self._begin(answer)
            await self._carry_body(stream)
        except TimeoutError:
            raise refusals.too_slow(port, self._patience) from None
        except (h11.RemoteProtocolError, headers.BadHeaderError, StreamResetError) as error:
            if self._begun:
                raise BrokenOffError(f"the program on port {port} broke off its answer: {error}") from None
            raise refusals.not_http(port) from None

    async def _begin(self, answer: h11.Response) -> None:
        """Send the answer's head. Raises ``BadHeaderError``."""
        passed = headers.for_client(answer.headers.raw_items(), self._visit.place, answer.status_code)
        self._clock = None
        self._begun = True
        await self._send({"type": "http.response.start", "status": answer.status_code, "headers": passed})

    async def _carry_body(self, stream: DialedStream) -> None:
        """Raises ``RemoteProtocolError`` or ``StreamResetError``."""
        while isinstance(event := await self._event(stream), h11.Data):
            await self._send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
            self._core.activity.touch(self._visit.leave.target.sandbox_id)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _event(self, stream: DialedStream) -> h11.Event:
        """What the program says next. Raises ``RemoteProtocolError`` or ``StreamResetError``."""
        while not isinstance(event := self._http.next_event(), h11.Event):
            # Never paused: nothing is asked for after the answer's end, and no upgrade was offered.
            self._http.receive_data(await stream.read(PIECE))
        await self._turns.take()
        return event


def _is_large(answer: h11.Response) -> bool:
    """Whether the head has more than passes; h11 bounds what it must keep, not what comes in one piece."""
    found = answer.headers.raw_items()
    return len(found) > headers.MOST or sum(len(name) + len(value) for name, value in found) > MAX_HEAD
