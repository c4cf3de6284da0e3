"""A server that does what a test tells it: HTTP answers by the dozen, and WebSockets that drop at any step."""

from __future__ import annotations

import json
import socket
import threading
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request

API = "/v2/sandboxes"
BOX = {"name": "box", "template_name": "t", "status": "ready", "id": "1"}


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)


@dataclass
class Answer:
    """What to answer; ``drop`` closes the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


DROP = Answer(drop=True)


class GoneError(Exception):
    """The client closed the connection; ``code`` is what it said."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Peer:
    """The server's end of one WebSocket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol = ServerProtocol(max_size=None)
        self._events: deque[Any] = deque()
        self.headers: dict[str, str] = {}

    def shake_hands(self, status: int | None = None, body: str = "") -> None:
        """Accept the upgrade, or refuse it."""
        request: Request = self._next_event()
        self.headers = {name.lower(): value for name, value in request.headers.raw_items()}
        response = self._protocol.accept(request) if status is None else self._protocol.reject(status, body)
        self._protocol.send_response(response)
        self._flush()

    def recv(self) -> dict[str, Any]:
        """The client's next message. Raises ``GoneError``."""
        while True:
            frame = self._next_event()
            if frame.opcode is Opcode.TEXT:
                message: dict[str, Any] = json.loads(frame.data)
                return message

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message."""
        self.send_raw(json.dumps({"type": kind, **fields}))

    def send_raw(self, text: str) -> None:
        """Send any text."""
        self._protocol.send_text(text.encode())
        self._flush()

    def started(self, message: dict[str, Any] | None = None, pid: int = 7) -> dict[str, Any]:
        """Read an ``execute``, answer ``started``, and return the first."""
        message = message or self.recv()
        self.send("started", command_id=message["command_id"], pid=pid)
        return message

    def close(self, code: int = 1000) -> None:
        """Close in good order."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code)
            self._flush()
        with suppress(GoneError):
            while True:
                self._next_event()

    def drop(self) -> None:
        """Cut the connection without a word."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _next_event(self) -> Any:
        while not self._events:
            try:
                data = self._sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                raise GoneError(self._protocol.close_rcvd.code if self._protocol.close_rcvd else None)
            self._protocol.receive_data(data)
            self._events.extend(self._protocol.events_received())
            self._flush()
            if self._protocol.close_rcvd:
                self.drop()
                raise GoneError(self._protocol.close_rcvd.code)
        return self._events.popleft()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if not data:
                continue
            try:
                self._sock.sendall(data)
            except OSError:
                raise GoneError(None) from None


Script = "Callable[[Peer], None] | Answer"


class FakeServer(ThreadingHTTPServer):
    """Answers from queues: the last answer of a queue stays, and every WebSocket takes the next script."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Seen] = []
        self.scripts: deque[Callable[[Peer], None] | Answer] = deque()
        self.peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self.finished = threading.Semaphore(0)
        self._answers: defaultdict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def endpoint(self) -> str:
        """The API's base URL."""
        return self.url + API

    def box(self, **fields: Any) -> dict[str, Any]:
        """A sandbox whose data plane is here."""
        return {**BOX, "dataplane_url": f"{self.url}/box", **fields}

    def on(self, method: str, path: str, *answers: Answer | Any) -> None:
        """Answer requests to ``path`` (below the API, or from ``//`` on the whole path) with these in turn."""
        key = path[1:] if path.startswith("//") else API + path
        self._answers[method, key].extend(
            answer if isinstance(answer, Answer) else Answer(body=answer) for answer in answers
        )

    def answer(self, seen: Seen) -> Answer:
        """The answer to a request."""
        queue = self._answers.get((seen.method, seen.path))
        if not queue:
            return Answer(501, {"detail": f"the test has no answer to {seen.method} {seen.path}"})
        return queue.popleft() if len(queue) > 1 else queue[0]

    def requests(self, method: str, path: str) -> list[Seen]:
        """The requests that came for ``path`` below the API."""
        return [each for each in self.seen if (each.method, each.path) == (method, API + path)]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak HTTP, or run the next script."""
        head = b""
        while b"\r\n\r\n" not in head:
            head = request.recv(65536, socket.MSG_PEEK)
            if not head:
                return
        if b"upgrade: websocket" not in head.lower():
            super().finish_request(request, client_address)
            return
        peer = Peer(request)
        self.peers.append(peer)
        script = self.scripts.popleft() if self.scripts else Answer(503)
        try:
            if isinstance(script, Answer):
                if not script.drop:
                    peer.shake_hands(script.status, json.dumps(script.body) if script.body is not None else "")
            else:
                peer.shake_hands()
                script(peer)
        except GoneError:
            pass
        except BaseException as error:  # noqa: BLE001 -- shown by stop(), in the test's own thread
            self.failures.append(error)
        finally:
            self.finished.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up in the middle on purpose here."""

    def stop(self) -> None:
        """End, and raise what went wrong in a script."""
        self.shutdown()
        for peer in self.peers:
            peer.drop()
        self.server_close()
        self._thread.join()
        if self.failures:
            raise self.failures[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def handle_any(self) -> None:
        """Record the request and answer it."""
        url = urlsplit(self.path)
        size = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, url.path, parse_qs(url.query), headers, self.rfile.read(size))
        self.server.seen.append(seen)
        answer = self.server.answer(seen)
        if answer.drop:
            self.close_connection = True
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.body is None:
            content = b""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""
