"""One connection's part in a session: output to the peer, input and orders from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.requests import RefusedError, kept_bytes, numbered_input, signal_number, terminal_size
from sandboxcore.shim.wire import FrameError, Kind, decode_control

if TYPE_CHECKING:
    from sandboxcore.shim.limits import Limits
    from sandboxcore.shim.link import Link
    from sandboxcore.shim.reader import Reader
    from sandboxcore.shim.requests import Reading
    from sandboxcore.shim.session import Session

_LOOK_SECONDS = 1.0


class Exchange:
    """Streams a session to a link until it ends, the peer leaves or breaks the protocol."""

    def __init__(self, link: Link, session: Session, limits: Limits) -> None:
        self._link = link
        self._session = session
        self._limits = limits

    async def run(self, reading: Reading, *, wants_started: bool) -> None:
        """Attach, stream, detach."""
        reader = self._session.attach(reading, wants_started=wants_started)
        output = asyncio.create_task(self._send_output(reader))
        orders = asyncio.create_task(self._follow_orders(reader))
        on_purpose = False
        try:
            await asyncio.wait({output, orders}, return_when=asyncio.FIRST_COMPLETED)
            if not orders.done() and not reader.done:
                await asyncio.wait({orders}, timeout=self._limits.farewell_seconds)  # its last orders count
            if orders.done():
                on_purpose = orders.result()
            if reader.failed:
                await asyncio.wait({output}, timeout=self._limits.farewell_seconds)
        finally:
            output.cancel()
            orders.cancel()
            await asyncio.gather(output, orders, return_exceptions=True)
            self._session.detach(reader, on_purpose=on_purpose)
        if reader.done:
            await self._link.farewell(self._limits.farewell_seconds)

    async def _send_output(self, reader: Reader) -> None:
        """Send until the last frame has gone out or the peer has gone."""
        while not reader.done:
            frames = reader.take(self._limits.batch_bytes)
            if not frames:
                await reader.changed.wait()
                continue
            try:
                await self._link.send(frames)
            except OSError:
                return
            self._session.resume()

    async def _follow_orders(self, reader: Reader) -> bool:
        """Obey the peer until it leaves; whether it said so. A peer that breaks the protocol fails its reader."""
        try:
            while (frame := await self._link.receive()) is not None:
                kind, body = frame
                if kind is Kind.DATA:
                    self._session.input.write(body)
                else:
                    order = _order(kind, body)
                    if order.get("op") == "detach":
                        return True
                    if order.get("op") != "input":
                        self._obey(order, reader)
                        continue
                    self._type(order, reader)
                if not await self._input_has_room():
                    return False
        except (FrameError, RefusedError) as error:
            refusal = error if isinstance(error, RefusedError) else RefusedError(str(error))
            reader.fail(refusal.message())
        return False

    async def _input_has_room(self) -> bool:
        """Wait until input may go on; False when the peer has gone meanwhile, which reading would not tell."""
        if self._session.input.has_room:
            return True
        while not self._link.peer_is_gone():
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._session.input.room()
            except TimeoutError:
                continue
            return True
        return False

    def _type(self, message: dict[str, Any], reader: Reader) -> None:
        """Take numbered input once, and say so. Raises ``RefusedError``."""
        if not reader.source:
            raise RefusedError("input is numbered only for a reader that has named its source")
        offset, data = numbered_input(message)
        self._session.input.write(self._session.typed.accept(reader.source, offset, data))
        reader.acknowledge(self._session.typed.taken(reader.source))

    def _obey(self, message: dict[str, Any], reader: Reader) -> None:
        """Do one order. Raises ``RefusedError``."""
        order = message.get("op")
        if order == "kill":
            self._session.end("kill")
        elif order == "signal":
            self._session.signal(signal_number(message))
        elif order == "resize":
            self._session.resize(terminal_size(message))
        elif order == "close_stdin":
            self._session.input.finish()
        elif order == "skip":
            reader.skip(kept_bytes(message))
        else:
            raise RefusedError(f"unknown operation {str(order)[:32]!r}")


def _order(kind: Kind, body: bytes) -> dict[str, Any]:
    """Raises ``FrameError``."""
    if kind is not Kind.CONTROL:
        raise FrameError("only data and control frames may be sent to a command")
    return decode_control(body)
