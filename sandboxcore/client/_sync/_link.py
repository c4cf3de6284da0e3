# Generated from sandboxcore/client/_async/_link.py by tools/unasync.py: change that file, then run this tool.
"""One command's WebSocket, opened again as often as it is lost.

Nothing runs in the background: whoever reads or writes and finds the connection gone opens the next one, and whoever
comes second waits for that. Output is taken from the network only when it is asked for, so a reader that stops
reading stops the sender, not this process's memory from being free.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sandboxcore.client._io import Event, Lock, abandon, wait
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

    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import ClientConnection as WebSocket

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


class Link:
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
        self._websocket: WebSocket | None = None
        self._opened_at = 0.0
        self._fresh = True
        self._killed = False
        self._gave_up: SandboxClientError | None = None
        self._closed = Event()
        self._attaching = Lock()
        self._reading = Lock()
        self._writing = Lock()

    @property
    def closed(self) -> bool:
        """True once ``close`` was called."""
        return self._closed.is_set()

    def start(self) -> None:
        """Connect, and for a new command return when it has started; what it prints waits to be read.

        Raises ``StreamingUnsupportedError`` if there is no WebSocket, before anything was sent, and what ``read``
        raises.
        """
        self._attach(None)
        while not self.stream.started:
            self._take()
        self._plan = ReconnectPlan()

    def read(self) -> list[OutputChunk]:
        """The next output; empty when the command has ended or the link was closed.

        Raises the error that the server sent, ``SandboxConnectionError`` after the last try to reconnect, or
        ``InvalidResponseError``.
        """
        with self._reading:
            while not self.stream.ended and not self.closed:
                ack = self.stream.ack()
                if ack is not None:
                    self._send(ack)
                events = self._take()
                if events:
                    return events
            if self.stream.failure is not None:
                raise self.stream.failure
            return []

    def write(self, messages: Iterable[str]) -> None:
        """Send messages in this order, never mixed with those of another call; no effect once the command ended."""
        with self._writing:
            for message in messages:
                self._send(message)

    def send_now(self, message: str) -> None:
        """Send one message, whatever else is being written; no effect once the command ended."""
        self._send(message)

    def kill(self) -> None:
        """Send ``kill`` at once, and again on every later connection."""
        self._killed = True
        self._send(commands.kill())

    def close(self) -> None:
        """Leave the command alone and close the connection; reading ends, writing has no effect any more."""
        self._closed.set()
        self._hang_up()

    def __del__(self) -> None:
        websocket = getattr(self, "_websocket", None)
        if websocket is not None:
            abandon(websocket)

    def _take(self) -> list[OutputChunk]:
        """One message's worth of output, from a connection that may be a new one."""
        from websockets.exceptions import ConnectionClosed

        websocket = self._websocket or self._attach(None)
        try:
            text = websocket.recv()
        except ConnectionClosed as error:
            self._replace(websocket, error)
            return []
        if self._fresh:
            self._fresh = False
            self._plan.attached()
        try:
            return self.stream.receive(text)
        finally:
            if self.stream.ended:
                self._hang_up()

    def _send(self, message: str) -> None:
        from websockets.exceptions import ConnectionClosed

        while not self.stream.ended and not self.closed:
            websocket = self._websocket or self._attach(None)
            try:
                websocket.send(message)
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == NORMAL:
                    return  # all was said: the command has ended
                self._replace(websocket, error)
            else:
                return

    def _replace(self, dead: WebSocket, error: ConnectionClosed) -> None:
        """Have another connection in place of ``dead``, unless all is over."""
        if self.stream.ended or self.closed:
            return
        if error.sent is not None and error.sent.code == TOO_BIG and not error.rcvd_then_sent:
            raise InvalidResponseError(f"command stream: a message is longer than {MAX_MESSAGE} bytes")
        try:
            self._attach(dead, _lost(error))
        except SandboxConnectionError:
            if not self.closed:
                raise

    def _attach(self, dead: WebSocket | None, lost: SandboxConnectionError | None = None) -> WebSocket:
        """The connection that replaces ``dead``: one that another task opened meanwhile, or a new one."""
        with self._attaching:
            if self._websocket is not None and self._websocket is not dead:
                return self._websocket
            if self._gave_up is not None:
                raise self._gave_up
            try:
                self._websocket = self._connect_until(lost)
            except SandboxClientError as error:
                self._gave_up = error
                raise
            return self._websocket

    def _connect_until(self, lost: SandboxConnectionError | None) -> WebSocket:
        """A new connection on which the command is asked for, after as many tries as the plan has."""
        if lost is not None and time.monotonic() - self._opened_at > STABLE_SECONDS:
            self._plan.attached()
        while True:
            if lost is not None:
                self._pause(lost)
            if self.closed:
                raise SandboxConnectionError("the handle was closed")
            try:
                return self._connect()
            except SandboxConnectionError as error:
                if isinstance(error, StreamingUnsupportedError) and not (self._asked or self.stream.started):
                    raise
                lost = error

    def _pause(self, lost: SandboxConnectionError) -> None:
        """Wait as long as the plan says. Raises ``SandboxConnectionError`` when there is no try left."""
        if self._asked and not self.stream.started and not self._repeatable:
            raise SandboxConnectionError(f"{lost}; whether the command has started is not known") from lost
        delay = self._plan.next_delay(reloading=isinstance(lost, SandboxServerReloadError))
        if delay is None:
            raise SandboxConnectionError(f"{lost} (gave up after {self._plan.tries} more tries)") from lost
        logger.debug("command connection lost (%s), again in %.1f s", lost, delay)
        if delay:
            wait(self._closed, delay)

    def _connect(self) -> WebSocket:
        """Open a connection and send what must come first.

        Raises ``SandboxConnectionError`` where another try may help, and other errors where it will not.
        """
        try:
            from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
            from websockets.sync.client import connect as sync_connect
        except ImportError:
            raise StreamingUnsupportedError(
                "streaming needs the 'websockets' package: pip install websockets"
            ) from None
        try:
            opened = sync_connect(
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
            websocket = opened.__enter__()
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
            websocket.send(self.stream.opening())
            for message in self.stream.due():
                websocket.send(message)
            if self._killed:
                websocket.send(commands.kill())
        except ConnectionClosed as error:
            raise _lost(error) from error
        self._opened_at = time.monotonic()
        self._fresh = True
        return websocket

    def _hang_up(self) -> None:
        """Close the connection, keeping it where a task that still reads from it can see that it is closed."""
        if self._websocket is not None:
            self._websocket.close()


def _lost(error: ConnectionClosed) -> SandboxConnectionError:
    if error.rcvd is not None and error.rcvd.code == GOING_AWAY:
        return SandboxServerReloadError("the server reloads; the command goes on")
    return SandboxConnectionError(f"the command's connection was lost: {error}")
