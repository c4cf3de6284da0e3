"""One command's WebSocket, opened again as often as it is lost.

Nothing runs in the background: whoever reads or writes and finds the connection gone opens the next one, and whoever
comes second waits for that. Output is taken from the network only when it is asked for, so a reader that stops
reading stops the sender, not this process's memory from being free.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sandboxcore.client._io import AsyncEvent, AsyncLock, async_abandon, async_wait
from sandboxcore.errors import (
    InvalidResponseError,
    SandboxClientError,
    SandboxConnectionError,
    SandboxServerReloadError,
    StreamingUnsupportedError,
)
from sandboxcore.protocol import commands
from sandboxcore.protocol.failures import Reply, upgrade_failure
from sandboxcore.protocol.retry import RECONNECT_DELAYS, STABLE_SECONDS, ReconnectPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from websockets.asyncio.client import ClientConnection as AsyncWebSocket
    from websockets.exceptions import ConnectionClosed

    from sandboxcore.models import OutputChunk
    from sandboxcore.protocol.stream import CommandStream

logger = logging.getLogger("sandboxcore.client")

OPEN_TIMEOUT = 30.0
CLOSE_TIMEOUT = 1.0
PING_INTERVAL = 30.0
PING_TIMEOUT = 60.0
MAX_MESSAGE = 4 << 20
"""Longest message taken from a server, in bytes; ours sends at most 64 KiB of text in one."""
MAX_QUEUE = 4
"""Messages that may wait in this process before the network is left unread."""
NORMAL, GOING_AWAY, TOO_BIG = 1000, 1001, 1009
"""Close codes of RFC 6455."""


class AsyncLink:
    """The connection of one ``CommandStream``. One task may read while others write and another closes."""

    def __init__(
        self,
        url: str,
        stream: CommandStream,
        *,
        headers: Mapping[str, str],
        sandbox: str,
        start_tries: int = len(RECONNECT_DELAYS),
        repeatable: bool = True,
    ) -> None:
        self.stream = stream
        self._url = url
        self._headers = dict(headers)
        self._sandbox = sandbox
        self._plan = ReconnectPlan(RECONNECT_DELAYS if stream.started else RECONNECT_DELAYS[:start_tries])
        self._repeatable = repeatable
        self._asked = False
        self._websocket: AsyncWebSocket | None = None
        self._opened_at = 0.0
        self._fresh = True
        self._killed = False
        self._gave_up: SandboxClientError | None = None
        self._closed = AsyncEvent()
        self._attaching = AsyncLock()
        self._reading = AsyncLock()
        self._writing = AsyncLock()

    @property
    def closed(self) -> bool:
        """True once ``close`` was called."""
        return self._closed.is_set()

    async def start(self) -> None:
        """Connect, and for a new command return when it has started; what it prints waits to be read.

        Raises ``StreamingUnsupportedError`` if there is no WebSocket, before anything was sent, and what ``read``
        raises.
        """
        await self._attach(None)
        while not self.stream.started:
            await self._take()
        self._plan = ReconnectPlan()

    async def read(self) -> list[OutputChunk]:
        """The next output; empty when the command has ended or the link was closed.

        Raises the error that the server sent, ``SandboxConnectionError`` after the last try to reconnect, or
        ``InvalidResponseError``.
        """
        async with self._reading:
            while not self.stream.ended and not self.closed:
                ack = self.stream.ack()
                if ack is not None:
                    await self._send(ack)
                events = await self._take()
                if events:
                    return events
            if self.stream.failure is not None:
                raise self.stream.failure
            return []

    async def write(self, messages: Iterable[str]) -> None:
        """Send messages in this order, never mixed with those of another call; no effect once the command ended."""
        async with self._writing:
            for message in messages:
                await self._send(message)

    async def send_now(self, message: str) -> None:
        """Send one message, whatever else is being written; no effect once the command ended."""
        await self._send(message)

    async def kill(self) -> None:
        """Send ``kill`` at once, and again on every later connection."""
        self._killed = True
        await self._send(commands.kill())

    async def close(self) -> None:
        """Leave the command alone and close the connection; reading ends, writing has no effect any more."""
        self._closed.set()
        await self._hang_up()

    def __del__(self) -> None:
        websocket = getattr(self, "_websocket", None)
        if websocket is not None:
            async_abandon(websocket)

    async def _take(self) -> list[OutputChunk]:
        """One message's worth of output, from a connection that may be a new one."""
        from websockets.exceptions import ConnectionClosed

        websocket = self._websocket or await self._attach(None)
        try:
            text = await websocket.recv()
        except ConnectionClosed as error:
            await self._replace(websocket, error)
            return []
        if self._fresh:
            self._fresh = False
            self._plan.attached()
        try:
            return self.stream.receive(text)
        finally:
            if self.stream.ended:
                await self._hang_up()

    async def _send(self, message: str) -> None:
        from websockets.exceptions import ConnectionClosed

        while not self.stream.ended and not self.closed:
            websocket = self._websocket or await self._attach(None)
            try:
                await websocket.send(message)
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == NORMAL:
                    return  # all was said: the command has ended
                await self._replace(websocket, error)
            else:
                return

    async def _replace(self, dead: AsyncWebSocket, error: ConnectionClosed) -> None:
        """Have another connection in place of ``dead``, unless all is over."""
        if self.stream.ended or self.closed:
            return
        if error.sent is not None and error.sent.code == TOO_BIG and not error.rcvd_then_sent:
            raise InvalidResponseError(f"command stream: a message is longer than {MAX_MESSAGE} bytes")
        try:
            await self._attach(dead, _lost(error))
        except SandboxConnectionError:
            if not self.closed:
                raise

    async def _attach(self, dead: AsyncWebSocket | None, lost: SandboxConnectionError | None = None) -> AsyncWebSocket:
        """The connection that replaces ``dead``: one that another task opened meanwhile, or a new one."""
        async with self._attaching:
            if self._websocket is not None and self._websocket is not dead:
                return self._websocket
            if self._gave_up is not None:
                raise self._gave_up
            try:
                self._websocket = await self._connect_until(lost)
            except SandboxClientError as error:
                self._gave_up = error
                raise
            return self._websocket

    async def _connect_until(self, lost: SandboxConnectionError | None) -> AsyncWebSocket:
        """A new connection on which the command is asked for, after as many tries as the plan has."""
        if lost is not None and time.monotonic() - self._opened_at > STABLE_SECONDS:
            self._plan.attached()
        while True:
            if lost is not None:
                await self._pause(lost)
            if self.closed:
                raise SandboxConnectionError("the handle was closed")
            try:
                return await self._connect()
            except SandboxConnectionError as error:
                if isinstance(error, StreamingUnsupportedError) and not (self._asked or self.stream.started):
                    raise
                lost = error

    async def _pause(self, lost: SandboxConnectionError) -> None:
        """Wait as long as the plan says. Raises ``SandboxConnectionError`` when there is no try left."""
        if self._asked and not self.stream.started and not self._repeatable:
            raise SandboxConnectionError(f"{lost}; whether the command has started is not known") from lost
        delay = self._plan.next_delay(reloading=isinstance(lost, SandboxServerReloadError))
        if delay is None:
            raise SandboxConnectionError(f"{lost} (gave up after {self._plan.tries} more tries)") from lost
        logger.debug("command connection lost (%s), again in %.1f s", lost, delay)
        if delay:
            await async_wait(self._closed, delay)

    async def _connect(self) -> AsyncWebSocket:
        """Open a connection and send what must come first.

        Raises ``SandboxConnectionError`` where another try may help, and other errors where it will not.
        """
        try:
            from websockets.asyncio.client import connect as async_connect
            from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
        except ImportError:
            raise StreamingUnsupportedError(
                "streaming needs the 'websockets' package: pip install websockets"
            ) from None
        try:
            opened = async_connect(
                self._url,
                additional_headers=self._headers,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_TIMEOUT,
                max_size=MAX_MESSAGE,
                max_queue=MAX_QUEUE,
                compression=None,
            )
            # entered and never left, because calling it plainly is deprecated
            websocket = await opened.__aenter__()
        except InvalidStatus as error:
            reply = Reply(error.response.status_code, bytes(error.response.body or b""))
            raise upgrade_failure(reply, sandbox=self._sandbox) from error
        except (OSError, TimeoutError, InvalidMessage) as error:
            words = str(error) or type(error).__name__
            raise SandboxConnectionError(f"cannot open a WebSocket to the sandbox: {words}") from error
        except InvalidHandshake as error:
            raise StreamingUnsupportedError(f"what answers here is no WebSocket: {error}") from error
        self._asked = True
        try:
            await websocket.send(self.stream.opening())
            for message in self.stream.due():
                await websocket.send(message)
            if self._killed:
                await websocket.send(commands.kill())
        except ConnectionClosed as error:
            raise _lost(error) from error
        self._opened_at = time.monotonic()
        self._fresh = True
        return websocket

    async def _hang_up(self) -> None:
        """Close the connection, keeping it where a task that still reads from it can see that it is closed."""
        if self._websocket is not None:
            await self._websocket.close()


def _lost(error: ConnectionClosed) -> SandboxConnectionError:
    if error.rcvd is not None and error.rcvd.code == GOING_AWAY:
        return SandboxServerReloadError("the server reloads; the command goes on")
    return SandboxConnectionError(f"the command's connection was lost: {error}")
