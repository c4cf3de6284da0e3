"""Opening and ending the connection to the program, and what a request must end by."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from sandboxcore.server.dataplane.dial import DialedStream, DialError, PortClosedError, StreamResetError
from sandboxcore.server.gateway import refusals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sandboxcore.server.dataplane.target import Target
    from sandboxcore.server.gateway.passes import Pass

    Dial = Callable[[Target, int], Awaitable[DialedStream]]

DIAL_SECONDS = 15.0
LINGER_SECONDS = 1.0
PIECE = 256 * 1024
TURN_SECONDS = 0.005
"""How long one request is worked on before others get their turn: a piece may hold a hundred thousand messages."""


@asynccontextmanager
async def connected(dial: Dial, leave: Pass) -> AsyncIterator[DialedStream]:
    """A connection to the program, closed at the end of the block. Raises ``Refusal``."""
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            stream = await dial(leave.target, leave.port)
    except PortClosedError:
        raise refusals.port_closed(leave.port) from None
    except TimeoutError:
        raise refusals.too_slow(leave.port, DIAL_SECONDS) from None
    except DialError as error:
        raise refusals.unreachable(str(error)) from None
    try:
        yield stream
    finally:
        await stream.close()


async def linger(stream: DialedStream) -> None:
    """Let the program end its side in order, for a moment, so that it sees an end and not a reset."""
    with suppress(StreamResetError, TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await stream.end()
            while await stream.read(PIECE):
                pass


class Turns:
    """Keeps one request from holding up all others, where there is always more to do without waiting."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def take(self) -> None:
        """Let others have their turn, if this one has had its time."""
        if time.perf_counter() - self._began > TURN_SECONDS:
            await asyncio.sleep(0)
            self._began = time.perf_counter()
