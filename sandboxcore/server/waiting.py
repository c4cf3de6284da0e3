"""Waiting: for whichever comes first, and for a client to leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Receive


async def first_of(*futures: asyncio.Future[Any], within: float | None = None) -> None:
    """Return when one of them is done, or after ``within`` seconds. Cancels none."""
    await asyncio.wait(futures, timeout=within, return_when=asyncio.FIRST_COMPLETED)


async def woken(event: asyncio.Event, within: float) -> bool:
    """Whether the event is set now, or comes to be within so many seconds."""
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def client_left(receive: Receive) -> None:
    """Return when the client closes the connection; reads away what is left of the request's body."""
    while (await receive())["type"] != "http.disconnect":
        pass
