"""A page's end of a terminal's socket without a browser: many of them fit into one process."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect

from bench.console import csrf_token
from dashboard.terminals.protocol import OFFSET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from bench.console import Installation

ACKNOWLEDGE = 32 * 1024
"""As the page's script does."""
TAIL = 64 * 1024
WITHIN = 60.0
INTERRUPT = b"\x03"


@dataclass(frozen=True)
class Door:
    """Where a signed-in person's shells are made and reached."""

    stack: Installation
    browser: httpx.Client

    def make(self, sandbox: str) -> str:
        """A new shell of this sandbox; its socket's address."""
        base = f"/t/default/sandboxes/{sandbox}/terminal/"
        token = self.browser.cookies.get("csrftoken") or csrf_token(self.browser.get(base))
        headers = {"X-CSRFToken": token, "Referer": self.stack.console_url}
        made = self.browser.post(f"{base}new", headers=headers)
        assert made.status_code == 200, made.text[:500]
        return f"ws://{urlsplit(self.stack.console_url).netloc}{base}{made.json()['id']}/socket"

    @property
    def cookies(self) -> str:
        """The session, as a browser sends it."""
        return "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())


class Shell:
    """One open terminal. It answers pings and acknowledges what it reads, unless it is told not to."""

    def __init__(self, door: Door, address: str) -> None:
        self._door = door
        self._address = address
        self._client = str(uuid4())
        self._socket: ClientConnection
        self._reading: asyncio.Task[None]
        self._typed = 0
        self._taken = 0
        self._acknowledges = True
        self._reads = asyncio.Event()
        self._reads.set()
        self._changed = asyncio.Event()
        self.end = 0
        """Offset behind the last byte of output that came."""
        self.at = 0.0
        """When that came."""
        self.tail = bytearray()

    async def connect(self) -> None:
        """Come for the first time, or again from the last byte that was read."""
        # A browser sends no pings of the protocol's own, so neither does this.
        self._socket = await connect(
            self._address,
            origin=self._door.stack.console_url,  # type: ignore[arg-type]  # websockets has a type of its own for text
            additional_headers={"Cookie": self._door.cookies},
            max_size=None,
            ping_interval=None,
        )
        await self._say(type="open", client=self._client, offset=self.end, rows=24, cols=80)
        self._reading = asyncio.create_task(self._read())

    async def come_back(self) -> None:
        """Leave without a word, as a page that froze, and connect again."""
        self._reading.cancel()
        await asyncio.wait({self._reading})
        self._socket.transport.abort()
        self._acknowledges = True
        self._reads.set()
        await self.connect()

    async def type(self, data: bytes) -> None:
        """Send keystrokes."""
        await self._socket.send(OFFSET.pack(self._typed) + data)
        self._typed += len(data)

    async def interrupt(self) -> None:
        """Press Ctrl-C: the page sends the key, and asks that the rest of a flood be passed over."""
        await self.type(INTERRUPT)
        await self._say(type="skip")

    async def reach(self, offset: int) -> None:
        """Wait for output up to this offset."""
        async with asyncio.timeout(WITHIN):
            while self.end < offset:
                await self._change()

    async def until(self, wanted: bytes) -> None:
        """Wait for this in the output that came since ``forget``."""
        try:
            async with asyncio.timeout(WITHIN):
                while wanted not in self.tail:
                    await self._change()
        except TimeoutError:
            end = bytes(self.tail[-200:])
            raise AssertionError(f"{wanted!r} never came; {self.end} bytes did, at the end {end!r}") from None

    def forget(self) -> None:
        """What came up to now is not looked at any more."""
        self.tail.clear()

    async def run(self, line: bytes, shows: bytes) -> None:
        """Type a line, and wait for what it prints."""
        self.forget()
        await self.type(line + b"\n")
        await self.until(shows)

    def neglect(self, *, deaf: bool) -> None:
        """Acknowledge nothing from now on; if ``deaf``, read nothing either."""
        self._acknowledges = False
        if deaf:
            self._reads.clear()

    async def attend(self) -> None:
        """Read and acknowledge again."""
        self._acknowledges = True
        self._reads.set()
        await self._acknowledge()

    async def close(self) -> None:
        """Leave; the shell goes on. Raises what the socket was closed with before."""
        self._reading.cancel()
        await asyncio.wait({self._reading})
        if not self._reading.cancelled():
            self._reading.result()
        await self._socket.close()

    async def _change(self) -> None:
        self._changed.clear()
        waiting = asyncio.ensure_future(self._changed.wait())
        done, _ = await asyncio.wait({waiting, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._reading in done:
            self._reading.result()

    async def _read(self) -> None:
        while True:
            await self._reads.wait()
            message = await self._socket.recv()
            if isinstance(message, bytes):
                await self._take(message)
            elif (control := json.loads(message))["type"] == "ping":
                await self._say(type="pong", id=control["id"])
            elif control["type"] == "refused":
                raise AssertionError(f"typing from {control['offset']} on was dropped")
            elif control["type"] == "gap":
                self.end = max(self.end, control["to"])

    async def _take(self, message: bytes) -> None:
        self.at = time.perf_counter()
        self.end = OFFSET.unpack_from(message)[0] + len(message) - OFFSET.size
        self.tail += message[OFFSET.size :]
        del self.tail[:-TAIL]
        self._changed.set()
        if self._acknowledges and self.end - self._taken >= ACKNOWLEDGE:
            await self._acknowledge()

    async def _acknowledge(self) -> None:
        self._taken = self.end
        await self._say(type="taken", offset=self.end)

    async def _say(self, **message: object) -> None:
        await self._socket.send(json.dumps(message))


@asynccontextmanager
async def shells(door: Door, sandboxes: list[str], count: int) -> AsyncIterator[list[Shell]]:
    """So many new shells with their prompts, in each sandbox as many."""
    opened: list[Shell] = []
    try:
        for number in range(count):
            address = await asyncio.to_thread(door.make, sandboxes[number % len(sandboxes)])
            shell = Shell(door, address)
            await shell.connect()
            opened.append(shell)
            await shell.until(b"# ")
        yield opened
    finally:
        for shell in opened:
            await shell.close()
