"""The few things that differ between the two clients by more than a keyword, in pairs of the same shape."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future
    from typing import TypeVar

    import httpx
    from websockets.asyncio.client import ClientConnection as AsyncWebSocket
    from websockets.sync.client import ClientConnection as WebSocket

    T = TypeVar("T")

AsyncLock = asyncio.Lock
Lock = threading.Lock
AsyncEvent = asyncio.Event
Event = threading.Event
async_sleep = asyncio.sleep
sleep = time.sleep


async def async_wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, at most so long; True if it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def wait(event: threading.Event, seconds: float) -> bool:
    """Wait for the event, at most so long; True if it is set."""
    return event.wait(seconds)


def async_current(renewed: Callable[[], Awaitable[T]], held: T | None) -> T:
    """What a property can give: the thing at hand, since a property cannot wait for ``renewed``."""
    del renewed
    if held is None:
        raise RuntimeError("nothing has been awaited yet")
    return held


def current(renewed: Callable[[], T], held: T | None) -> T:
    """What a property can give: the thing as it is to be now."""
    del held
    return renewed()


def async_abandon(websocket: AsyncWebSocket) -> None:
    """Drop a connection without a word, for when nobody can wait any more."""
    with contextlib.suppress(RuntimeError):  # the event loop may be closed already, and the connection with it
        websocket.transport.abort()


def abandon(websocket: WebSocket) -> None:
    """Drop a connection without a word; its own thread sees that and ends."""
    with contextlib.suppress(OSError):
        websocket.socket.shutdown(socket.SHUT_RDWR)


def async_abandon_http(http: httpx.AsyncClient) -> None:
    """Nothing: asynchronous connections can only be closed by awaiting, so it is the owner who must."""


def abandon_http(http: httpx.Client) -> None:
    """Close the connections of a client that is collected without having been closed."""
    http.close()


async def async_outcome(work: Future[T]) -> T:
    """What a thread's work comes to, without holding up this one's event loop."""
    return await asyncio.wrap_future(work)


def outcome(work: Future[T]) -> T:
    """What a thread's work comes to."""
    return work.result()


def async_settle(work: Future[None]) -> None:
    """Nothing: what is not awaited may not be waited for. The work goes on in its thread."""


def settle(work: Future[None]) -> None:
    """Wait until a thread's work is done."""
    work.result()
