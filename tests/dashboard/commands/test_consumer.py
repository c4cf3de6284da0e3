"""The socket of a command's output: who gets in, flow control, where it goes on, how it ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from dashboard.commands import consumer
from dashboard.commands.attach import Ended
from dashboard.commands.protocol import HEADER, WINDOW
from dashboard.sockets import CloseCode, Closing
from dashboard.teams.models import Membership
from sandboxcore import Gap, OutputChunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dashboard.accounts.models import User
    from tests.dashboard.conftest import Cast

# Sockets ask the database from another thread, which must see what the test wrote.
pytestmark = pytest.mark.django_db(transaction=True)
WITHIN = 10.0


class FakeCommand:
    """Plays a command's output; remembers how much of it was asked for."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[OutputChunk | Ended | Closing] = asyncio.Queue()
        self.read = 0
        self.wanted: tuple[int, int] | None = None
        self.left = False

    async def next(self) -> OutputChunk | Ended:
        event = await self.events.get()
        if isinstance(event, Closing):
            raise event
        self.read += 1
        return event

    @asynccontextmanager
    async def attach(self, *where: Any, stdout: int, stderr: int) -> AsyncIterator[FakeCommand]:
        self.wanted = (stdout, stderr)
        try:
            yield self
        finally:
            self.left = True


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> FakeCommand:
    """What the consumer attaches to in place of a command."""
    fake = FakeCommand()
    monkeypatch.setattr(consumer, "attach", fake.attach)
    return fake


class Page:
    """A browser's end of the socket."""

    def __init__(self, cookie: str, team: str = "blue") -> None:
        from dashboard.asgi import application

        headers = [(b"host", b"127.0.0.1:8000"), (b"origin", b"http://127.0.0.1:8000"), (b"cookie", cookie.encode())]
        path = f"/t/{team}/sandboxes/box/commands/some-id/socket"
        scope = {"type": "websocket", "path": path, "headers": headers, "scheme": "ws", "query_string": b""}
        self.socket = ApplicationCommunicator(application, scope)

    async def open(self, stdout: int = 0, stderr: int = 0) -> None:
        await self.socket.send_input({"type": "websocket.connect"})
        assert (await self.socket.receive_output(WITHIN))["type"] == "websocket.accept"
        await self.tell(type="open", stdout=stdout, stderr=stderr)

    async def tell(self, **message: Any) -> None:
        await self.socket.send_input({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self) -> Any:
        """The next message but pings: control as sent, output as (stream, offset, bytes), the end as a close code."""
        while True:
            event = await self.socket.receive_output(WITHIN)
            if event["type"] == "websocket.close":
                return event["code"]
            if event.get("bytes"):
                return (*HEADER.unpack_from(event["bytes"]), event["bytes"][HEADER.size :])
            message = json.loads(event["text"])
            if message["type"] != "ping":
                return message

    async def leave(self) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1005})
        await self.socket.wait(WITHIN)


async def page_of(cast: Cast, person: User, team: str = "blue") -> Page:
    browser = await sync_to_async(cast.client)(person)
    return Page(f"console_session={browser.cookies['console_session'].value}", team)


async def test_it_works(cast: Cast, command: FakeCommand) -> None:
    page = await page_of(cast, cast.viewer)
    await page.open(stdout=5, stderr=7)
    assert await page.receive() == {"type": "opened"}
    assert command.wanted == (5, 7)
    for event in (OutputChunk("stdout", "ö", 5), OutputChunk("stderr", "no", 7), Gap("stdout", 7, 90), Ended(3)):
        command.events.put_nowait(event)
    assert await page.receive() == (1, 5, "ö".encode())
    assert await page.receive() == (2, 7, b"no")
    assert await page.receive() == {"type": "gap", "stream": "stdout", "from": 7, "to": 90}
    assert await page.receive() == {"type": "exit", "exit_code": 3, "reason": ""}
    assert await page.receive() == CloseCode.ENDED
    await page.leave()
    assert command.left


@pytest.mark.parametrize(("who", "team"), [("outsider", "blue"), ("viewer", "green")])
async def test_an_outsider_is_refused(cast: Cast, command: FakeCommand, who: str, team: str) -> None:
    page = await page_of(cast, getattr(cast, who), team)
    await page.open()
    assert await page.receive() == CloseCode.NOT_ALLOWED
    assert command.wanted is None
    await page.leave()


async def test_no_more_is_read_than_the_page_draws(cast: Cast, command: FakeCommand) -> None:
    page = await page_of(cast, cast.viewer)
    await page.open()
    assert await page.receive() == {"type": "opened"}
    piece = 64 * 1024
    for number in range(20):
        command.events.put_nowait(OutputChunk("stdout", "x" * piece, number * piece))
    fits = WINDOW // piece
    received = [await page.receive() for _ in range(fits)]
    while not await page.socket.receive_nothing(0.1):
        assert not (await page.socket.receive_output(WITHIN)).get("bytes")  # a ping
    assert command.read == fits
    await page.tell(type="taken", bytes=sum(HEADER.size + len(data) for _, _, data in received))
    assert (await page.receive())[1] == fits * piece
    await page.leave()


async def test_who_loses_the_membership_loses_the_socket(
    cast: Cast, command: FakeCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "RECHECK_SECONDS", 0.01)
    page = await page_of(cast, cast.viewer)
    await page.open()
    assert await page.receive() == {"type": "opened"}
    await Membership.objects.filter(user=cast.viewer).adelete()
    assert await page.receive() == CloseCode.NOT_ALLOWED
    await page.leave()
    assert command.left


@pytest.mark.parametrize(
    "message", [{"type": "hello"}, {"type": "open", "stdout": -1, "stderr": 0}, {"type": "open", "stdout": "0"}, []]
)
async def test_what_makes_no_sense_ends_it(cast: Cast, command: FakeCommand, message: Any) -> None:
    page = await page_of(cast, cast.viewer)
    await page.socket.send_input({"type": "websocket.connect"})
    await page.socket.receive_output(WITHIN)
    await page.socket.send_input({"type": "websocket.receive", "text": json.dumps(message)})
    assert await page.receive() == CloseCode.BAD_MESSAGE
    await page.leave()


async def test_what_the_server_says_closes_it(cast: Cast, command: FakeCommand) -> None:
    page = await page_of(cast, cast.viewer)
    await page.open()
    assert await page.receive() == {"type": "opened"}
    command.events.put_nowait(Closing(CloseCode.GONE, "The sandbox has ended."))
    assert await page.receive() == CloseCode.GONE
    await page.leave()
