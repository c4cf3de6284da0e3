"""A program in a sandbox whose every byte the test reads and writes.

The process runtime dials this machine's own loopback, so the program may as well live in the test.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.server.conftest import client_of, unique

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.server.running import Sandboxd

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

ACCEPTING_TURNS = 5
"""Turns of the loop after which a connection that it has accepted is one that the program knows."""


@dataclass
class Program:
    """Listens on ``port``; ``heads`` are the heads of the requests that came."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection ended under a handler."""

    def head(self) -> dict[bytes, bytes]:
        """The headers of the newest request, names in lower case."""
        lines = self.heads[-1].split(b"\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}

    @property
    def request_line(self) -> bytes:
        return self.heads[-1].split(b"\r\n")[0]


@asynccontextmanager
async def program(answer: bytes | Handler = OK) -> AsyncIterator[Program]:
    """A program that gives ``answer`` to each request's head, and then closes."""
    found = Program()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            found.lost.set()
        finally:
            writer.close()

    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[asyncio.create_task(handle(reader, writer))] = writer

    server = await asyncio.start_server(begin, "127.0.0.1", 0, limit=2**20)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for _ in range(ACCEPTING_TURNS):
            await asyncio.sleep(0)
        for handling, writer in connections.items():
            handling.cancel()
            writer.transport.abort()
        await asyncio.gather(*connections, return_exceptions=True)


@dataclass
class Service:
    """A program in a sandbox, and its addresses outside."""

    server: Sandboxd
    sandbox: str
    browser_url: str
    service_url: str
    token: str
    expires_at: str

    @classmethod
    async def of(
        cls, server: Sandboxd, sandbox: str, port: int, *, key: str | None = None, seconds: int = 60
    ) -> Service:
        async with client_of(server, key) as api:
            answer = await api.post(f"/boxes/{sandbox}/service-url", json={"port": port, "expires_in_seconds": seconds})
        assert answer.status_code == 200, answer.text
        return cls(server, sandbox, **answer.json())

    @property
    def host(self) -> str:
        """The Host of its own origin."""
        return httpx.URL(self.browser_url).netloc.decode()

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def label(self) -> str:
        return self.host.partition(".")[0]

    @property
    def by_token(self) -> dict[str, str]:
        return {"X-Langsmith-Sandbox-Service-Token": self.token}

    @property
    def by_cookie(self) -> dict[str, str]:
        """As a browser on the service's own page."""
        return {
            "Host": self.host,
            "Cookie": f"sandbox-service-token={self.token}",
            "Sec-Fetch-Site": "same-origin",
        }

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """A client on the listener, for whom the test says everything."""
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.server.service_port}", timeout=20, **options)

    async def get(self, path: str = "/", headers: dict[str, str] | None = None) -> httpx.Response:
        async with self.browser() as client:
            return await client.get(path, headers={"Host": self.host, **self.by_token, **(headers or {})})

    async def raw(self, request: bytes) -> bytes:
        """Everything that comes back until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.service_port)
        writer.write(request)
        try:
            async with asyncio.timeout(20):
                return await reader.read(-1)
        finally:
            writer.close()

    def raw_head(self, line: str = "GET / HTTP/1.1", *more: str) -> bytes:
        """A request's head with the token, after which the server is to close."""
        lines = [line, f"Host: {self.host}", f"X-Langsmith-Sandbox-Service-Token: {self.token}", "Connection: close"]
        return "\r\n".join([*lines, *more, "", ""]).encode()


async def new_sandbox(server: Sandboxd, key: str | None = None) -> str:
    """The name of a sandbox that is ready."""
    async with client_of(server, key) as api:
        template = unique("template")
        assert (await api.post("/templates", json={"name": template, "image": "host"})).status_code == 201
        answer = await api.post("/boxes", json={"template_name": template})
        assert answer.status_code == 201, answer.text
        name: str = answer.json()["name"]
        return name
