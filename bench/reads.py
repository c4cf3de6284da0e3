"""Control-plane reads of one sandboxd process: how many a second, and how long each takes while others are on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.figures import Series
from bench.sandboxes import TEMPLATE

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.stack import Stack

CONNECTIONS = 16
SECONDS = 5.0


class Reader(asyncio.Protocol):
    """One connection that asks again as soon as it has an answer; little code, since it shares the machine's cores."""

    def __init__(self, request: bytes, series: Series, until: float) -> None:
        self._request = request
        self._series = series
        self._until = until
        self._answer = bytearray()
        self._asked = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask first."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Ask again when the answer is whole."""
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        assert head.startswith(b"HTTP/1.1 200"), bytes(self._answer[:500])
        now = time.perf_counter()
        self._series.values.append(now - self._asked)
        self._answer.clear()
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Over."""
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


def _length(head: bytes | bytearray) -> int:
    """What the head says of the body's length."""
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0])


def reads(stack: Stack, client: SandboxClient) -> str:
    """``GET /boxes/{name}`` on sixteen connections at once."""
    with client.sandbox(TEMPLATE) as sandbox:
        series = asyncio.run(_read(stack, f"/v2/sandboxes/boxes/{sandbox.name}"))
    rate = len(series.values) / SECONDS
    return f"{series.row()}\n{'':<58}{rate:8.0f} reads a second, one process, {CONNECTIONS} connections"


async def _read(stack: Stack, path: str) -> Series:
    place = urlsplit(stack.api_endpoint)
    request = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nX-Api-Key: {stack.api_key}\r\n\r\n".encode()
    series = Series("GET /boxes/{name} under full load")
    until = time.perf_counter() + SECONDS
    loop = asyncio.get_running_loop()
    opened = [
        loop.create_connection(lambda: Reader(request, series, until), place.hostname or "", place.port or 80)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(reader.done for _, reader in await asyncio.gather(*opened)))
    return series
