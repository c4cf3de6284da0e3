# Generated from sandboxcore/client/_async/_events.py by tools/unasync.py: change that file, then run this tool.
"""A workspace's events as they happen, over as many connections as it takes."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import httpx

from sandboxcore.client._io import sleep
from sandboxcore.errors import InvalidResponseError, QuotaExceededError, SandboxClientError, SandboxConnectionError
from sandboxcore.protocol import extensions
from sandboxcore.protocol.events import SILENCE_SECONDS, Following

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sandboxcore.client._sync._http import Http
    from sandboxcore.reports import Event

logger = logging.getLogger("sandboxcore.client")


class EventFeed:
    """Iterate it for events: each once, in order, resumed where a connection was lost. It ends when it is closed.

    As a context manager it closes its connection at the end. One task iterates it at a time.
    """

    def __init__(self, http: Http, after: int | None) -> None:
        self._http = http
        self._following = Following(after)
        self._ready: deque[Event] = deque()
        self._response: httpx.Response | None = None
        self._pieces: Iterator[bytes] | None = None
        self._closed = False

    def __enter__(self) -> EventFeed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> EventFeed:
        return self

    def __next__(self) -> Event:
        """The next event, when it happens.

        Raises ``SandboxConnectionError`` when the server cannot be reached for long, ``SandboxAuthenticationError``,
        ``ExtensionUnsupportedError`` where it has no events, and ``InvalidResponseError``.
        """
        while not self._ready:
            if self._closed:
                raise StopIteration
            piece = self._piece()
            if piece:
                self._ready.extend(self._following.receive(piece))
        return self._ready.popleft()

    def close(self) -> None:
        """Leave the stream; whoever iterates it comes to its end."""
        self._closed = True
        self._drop()

    def _piece(self) -> bytes | None:
        """The next bytes, on a new connection where there is none; None where it was just lost and waited for."""
        try:
            if self._pieces is None:
                self._connect()
            assert self._pieces is not None  # noqa: S101  # by _connect
            piece = next(self._pieces, None)
        except (httpx.TransportError, httpx.StreamError, SandboxConnectionError) as error:
            self._pause(error)
            return None
        except QuotaExceededError as error:
            # The server may still hold the connection that was lost for an open one.
            if not self._following.attached:
                raise
            self._pause(error)
            return None
        if piece is None:
            self._pause(None)
        return piece

    def _connect(self) -> None:
        call = extensions.read(extensions.STREAM, "events", self._following.connect())
        self._response = self._http.open(call, SILENCE_SECONDS)
        kind = self._response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            self._drop()
            raise InvalidResponseError(f"the server answered with '{kind[:80]}' where events were asked for")
        self._pieces = self._response.iter_bytes()

    def _drop(self) -> None:
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            response.close()

    def _pause(self, error: Exception | None) -> None:
        """Wait as long as is due before the next try. Raises ``SandboxClientError`` after the last one."""
        self._drop()
        if self._closed:
            return
        delay = self._following.lost()
        if delay is None:
            if isinstance(error, SandboxClientError):
                raise error
            raise SandboxConnectionError("the stream of events was lost, and cannot be reached again") from error
        logger.debug("the stream of events was lost (%s), again in %.1f s", error or "it ended", delay)
        sleep(delay)
