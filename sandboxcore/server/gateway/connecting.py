"""Opening and ending the connection to the program, and what a request must end by."""

from __future__ import annotations

import asyncio
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
