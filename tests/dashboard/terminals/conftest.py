"""A team with a shell, its cast of people, and a shell that needs no sandbox."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import Client

from dashboard.terminals import consumer as consumer_module
from dashboard.terminals import seat as seat_module
from dashboard.terminals import sharing
from dashboard.terminals.events import Event, Output, Skipped, Taken
from dashboard.terminals.models import TerminalSession
from dashboard.terminals.protocol import OFFSET, encode_output
from dashboard.terminals.shells import Shells

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dashboard.accounts.models import User
    from dashboard.sockets import Closing
    from dashboard.terminals.access import Grant
    from dashboard.terminals.protocol import Open, Size
    from tests.dashboard.conftest import Cast

SANDBOX_ID = "0a4ff2b1-0000-4000-8000-000000000001"
WITHIN = 5.0


class FakeTerminal:
    """Stands for one connection to a shell: plays events, remembers what was typed."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.back: list[Event] = []
        self.taken: int | None = None
        self.skips = 0
        self.redrawn: list[Size] = []
        self.typed = bytearray()
        self.sizes: list[Size] = []
        self.read = 0
        self.closed = asyncio.Event()
        self.changed = asyncio.Condition()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.writing = asyncio.Event()
        self.sandbox_gone: Closing | None = None

    async def next(self) -> Event:
        if self.back:
            return self.back.pop(0)
        event = await self.events.get()
        self.read += 1
        return event

    async def write(self, data: bytes) -> None:
        self.writing.set()
        await self.may_write.wait()
        async with self.changed:
            self.typed += data
            self.changed.notify_all()

    async def type(self, offset: int, data: bytes) -> None:
        """As a session that numbers input: what it took before it does not take again."""
        assert self.taken is not None
        assert offset <= self.taken
        await self.write(data[self.taken - offset :])
        self.taken = max(self.taken, offset + len(data))
        self.events.put_nowait(Taken(self.taken))

    @property
    def has_unread(self) -> bool:
        return bool(self.back)

    def unread(self, events: list[Event]) -> None:
        self.back = [*events, *self.back]

    async def skip(self) -> None:
        async with self.changed:
            self.skips += 1
            self.changed.notify_all()

    def skipped(self, offset: int) -> None:
        self.events.put_nowait(Skipped(offset))

    async def redraw(self, size: Size) -> None:
        async with self.changed:
            self.redrawn.append(size)
            self.changed.notify_all()

    async def resize(self, size: Size) -> None:
        async with self.changed:
            self.sizes.append(size)
            self.changed.notify_all()

    async def check_sandbox(self) -> None:
        if self.sandbox_gone:
            raise self.sandbox_gone

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN), self.changed:
            await self.changed.wait_for(condition)

    def say(self, text: str, offset: int = 0) -> None:
        self.events.put_nowait(Output(offset, text.encode()))


@dataclass
class Shells_:  # noqa: N801 - the plural of a fake
    """Hands out fake terminals, and says what was asked for."""

    openings: list[Open] = field(default_factory=list)
    terminals: list[FakeTerminal] = field(default_factory=list)
    refuse: Closing | None = None
    prepare: Callable[[FakeTerminal], None] = lambda _: None

    @asynccontextmanager
    async def open(self, grant: Grant, opening: Open) -> AsyncIterator[FakeTerminal]:
        if self.refuse:
            raise self.refuse
        terminal = FakeTerminal()
        self.prepare(terminal)
        self.openings.append(opening)
        self.terminals.append(terminal)
        try:
            yield terminal
        finally:
            terminal.closed.set()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Shells_:
    """What the consumer opens in place of the API's shells."""
    fakes = Shells_()
    monkeypatch.setattr(consumer_module, "open_terminal", fakes.open)
    shells = Shells()
    for module in (seat_module, sharing):
        monkeypatch.setattr(module, "SHELLS", shells)
    return fakes


@pytest.fixture
def shell(cast: Cast) -> TerminalSession:
    """A shell of the cast's team that no page has opened yet."""
    return TerminalSession.objects.create(
        team=cast.team, sandbox_id=SANDBOX_ID, sandbox_name="box", created_by=cast.owner
    )


class Page:
    """A browser's end of the socket."""

    def __init__(self, path: str, user: User | None, origin: str = "http://127.0.0.1:8000") -> None:
        from dashboard.asgi import application

        self.user = user
        headers = [(b"host", b"127.0.0.1:8000"), (b"origin", origin.encode())]
        if user is not None:
            client = Client()
            client.force_login(user)
            self.cookie = client.cookies["console_session"].value
            headers.append((b"cookie", f"console_session={self.cookie}".encode()))
        scope = {"type": "websocket", "path": path, "headers": headers, "scheme": "ws", "query_string": b""}
        self.socket = ApplicationCommunicator(application, scope)
        self.left = False

    async def connect(self) -> bool:
        await self.socket.send_input({"type": "websocket.connect"})
        event = await self.socket.receive_output(timeout=WITHIN)
        return bool(event["type"] == "websocket.accept")

    async def tell(self, **message: Any) -> None:
        await self.say(json.dumps(message))

    async def say(self, text: str) -> None:
        await self.socket.send_input({"type": "websocket.receive", "text": text})

    async def type(self, offset: int, data: bytes) -> None:
        await self.socket.send_input({"type": "websocket.receive", "bytes": encode_output(offset, data)})

    async def receive(self) -> dict[str, Any]:
        """The next message: control as sent, output as ``{"output": (offset, bytes)}``, the end as ``{"close"...}``."""
        event = await self.socket.receive_output(timeout=WITHIN)
        if event["type"] == "websocket.close":
            return {"close": event["code"], "reason": event.get("reason")}
        if event.get("bytes"):
            return {"output": (OFFSET.unpack_from(event["bytes"])[0], event["bytes"][OFFSET.size :])}
        message: dict[str, Any] = json.loads(event["text"])
        return message

    async def until(self, wanted: str) -> dict[str, Any]:
        """The next message of this type (or ``output`` or ``close``); others are passed over."""
        while True:
            message = await self.receive()
            if message.get("type") == wanted or wanted in message:
                return message

    async def open(self, client: str = "client-one", offset: int = 0) -> dict[str, Any]:
        """Connect and say hello; returns the welcome."""
        assert await self.connect()
        await self.tell(type="open", client=client, offset=offset, rows=24, cols=80)
        return await self.until("opened")

    async def leave(self) -> None:
        if not self.left:
            self.left = True
            await self.socket.send_input({"type": "websocket.disconnect", "code": 1005})
            await self.socket.wait(timeout=WITHIN)


@pytest.fixture
async def page(cast: Cast, shell: TerminalSession) -> AsyncIterator[Callable[..., Any]]:
    """Makes pages of the shell; leaves with all of them at the end."""
    from asgiref.sync import sync_to_async

    pages: list[Page] = []

    async def make(user: User | None = cast.owner, *, path: str = "", origin: str = "http://127.0.0.1:8000") -> Page:
        path = path or f"/t/blue/sandboxes/box/terminal/{shell.id}/socket"
        made = await sync_to_async(Page)(path, user, origin)
        pages.append(made)
        return made

    yield make
    for made in pages:
        await made.leave()
