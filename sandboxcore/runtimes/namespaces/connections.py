"""The host's socket: peers, frames, and one answer for each request. No peer can make another wait.

Requests are CONTROL frames of ``sandboxcore.shim.wire``: ``{"op": ..., "seq": n, ...}``; each is answered with
``{"seq": n, "result": {...}}`` or ``{"seq": n, "error": {"kind", "message", "remedy"}}``, in the order in which
they finish.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
from typing import TYPE_CHECKING, Any

from sandboxcore.runtimes.namespaces.requests import RequestError
from sandboxcore.shim.wire import FrameError, FrameReader, Kind, decode_control, encode_control

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandboxcore.runtimes.namespaces.events import Events

    Answer = Callable[[dict[str, Any]], None]
    Handler = Callable[[dict[str, Any], Answer], None]

MAX_CONNECTIONS = 64
MAX_PENDING = 1024
"""Requests of one peer that are not answered yet."""
MAX_UNSENT = 4 << 20
"""Bytes of answers that a peer may leave unread."""
READ_SIZE = 64 << 10
ACCEPT_PAUSE = 0.2
_CREDENTIALS = struct.Struct("3i")

logger = logging.getLogger(__name__)


def error_of(kind: str, message: str, remedy: str | None = None) -> dict[str, Any]:
    """The answer to a request that failed."""
    return {"error": {"kind": kind, "message": message, "remedy": remedy}}


class Listener:
    """Accepts peers of the allowed users."""

    def __init__(self, events: Events, path: Path, *, uid: int, gid: int, handler: Handler) -> None:
        self._events = events
        self._path = path
        self._allowed = {uid, 0}
        self._handler = handler
        self._connections: set[Connection] = set()
        self._socket = _listen(path, uid, gid)
        self._watch()

    def close(self) -> None:
        """Accept no more, and remove the socket's file."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _watch(self) -> None:
        self._events.watch(self._socket.fileno(), selectors.EVENT_READ, self._accept)

    def _accept(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of descriptors, most likely: look again a little later instead of at once and for ever.
            logger.warning("cannot accept a connection now: %s", error.strerror)
            self._events.forget(self._socket.fileno())
            self._events.later(ACCEPT_PAUSE, self._watch)
            return
        peer.setblocking(False)
        refusal = self._refusal(peer)
        if refusal is not None:
            with peer, contextlib.suppress(OSError):
                peer.send(encode_control({"seq": None, **error_of("NotAllowed", refusal)}))
            return
        self._connections.add(Connection(self._events, peer, self._handler, self._connections.discard))

    def _refusal(self, peer: socket.socket) -> str | None:
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        uid = _CREDENTIALS.unpack(credentials)[1]
        if uid not in self._allowed:
            return f"user {uid} may not ask this host"
        if len(self._connections) >= MAX_CONNECTIONS:
            return f"{MAX_CONNECTIONS} connections are open; close one first"
        return None


def _listen(path: Path, uid: int, gid: int) -> socket.socket:
    """A listening socket; its file appears only when it can be connected to."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(unfinished))
    finally:
        os.umask(mask)
    if os.geteuid() == 0:
        os.chown(unfinished, uid, gid)
    listener.listen(MAX_CONNECTIONS)
    listener.setblocking(False)
    unfinished.replace(path)
    return listener


class Connection:
    """One peer."""

    def __init__(
        self, events: Events, peer: socket.socket, handler: Handler, on_close: Callable[[Connection], None]
    ) -> None:
        self._events = events
        self._peer = peer
        self._handler = handler
        self._on_close = on_close
        self._frames = FrameReader()
        self._unsent = bytearray()
        self._pending = 0
        self._closed = False
        self._last_words = False
        self._watch()

    def _watch(self) -> None:
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._events.watch(self._peer.fileno(), mask, self._ready)

    def _ready(self) -> None:
        if self._unsent:
            self._send()
        if not self._closed:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._peer.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        if self._last_words:
            return
        try:
            for kind, body in self._frames.feed(data):
                self._take(kind, body)
        except FrameError as error:
            self._last_words = True
            self._answer(None, error_of("BadRequest", str(error)))

    def _take(self, kind: Kind, body: bytes) -> None:
        if kind is not Kind.CONTROL:
            raise FrameError("a request must be a control frame")
        request = decode_control(body)
        seq = request.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool):
            raise FrameError("a request needs a whole number seq")
        if self._pending >= MAX_PENDING:
            raise FrameError(f"{MAX_PENDING} requests are not answered yet")
        self._pending += 1
        try:
            self._handler(request, lambda answer: self._answer(seq, answer))
        except RequestError as error:
            self._answer(seq, error_of("BadRequest", str(error)))

    def _answer(self, seq: int | None, answer: dict[str, Any]) -> None:
        """Send an answer; a peer that has gone, or does not read its answers, gets none."""
        self._pending -= 1
        if self._closed:
            return
        self._unsent += encode_control({"seq": seq, **answer})
        if len(self._unsent) > MAX_UNSENT:
            self._close()
        else:
            self._send()

    def _send(self) -> None:
        try:
            sent = self._peer.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._close()
            return
        del self._unsent[:sent]
        if self._last_words and not self._unsent:
            self._close()
        else:
            self._watch()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._events.forget(self._peer.fileno())
            self._peer.close()
            self._on_close(self)
