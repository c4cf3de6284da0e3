"""The end of a WebSocket whose client may have gone, or may take nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

log = logging.getLogger("sandboxd.sockets")
CLOSE_SECONDS = 1.0
"""How long a client may take to receive the last words."""


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close, unless the client has gone or takes nothing; then the connection is dropped when the handler returns."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.close(code, reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError) as error:
        log.debug("a client did not take its close: %r", error)
