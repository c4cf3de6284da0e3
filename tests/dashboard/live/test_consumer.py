"""The live socket: who may have it, and what it tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from dashboard.audit.record import arecord
from dashboard.live import consumer
from dashboard.live.hub import HUB
from dashboard.sockets import CloseCode

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


class Socket:
    """A page's end."""

    def __init__(self, cookie: str, team: str = "blue", place: str = "") -> None:
        # Once there is a folder of static files, which it looks for.
        from dashboard.asgi import application

        headers = {"host": "localhost", "origin": "http://localhost", "cookie": cookie}
        self._io = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "scheme": "ws",
                "path": f"/t/{team}/live",
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
                "query_string": f"after={place}".encode(),
            },
        )

    async def open(self) -> Socket:
        await self._io.send_input({"type": "websocket.connect"})
        assert (await self._io.receive_output(10))["type"] == "websocket.accept"
        return self

    async def next(self) -> Any:
        """The next message, or the code with which the console closes."""
        got = await self._io.receive_output(10)
        return json.loads(got["text"]) if got["type"] == "websocket.send" else got["code"]

    async def until_back(self) -> None:
        """Wait until the server's events are followed."""
        while await self.next() != {"type": "back"}:
            continue

    async def say(self, text: str) -> None:
        await self._io.send_input({"type": "websocket.receive", "text": text})

    async def close(self) -> None:
        await self._io.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._io.wait(10)


async def socket_of(cast: Cast, person: Any, **options: Any) -> Socket:
    browser = await sync_to_async(cast.client)(person)
    session = browser.cookies.get(settings.SESSION_COOKIE_NAME)
    return await Socket(f"{settings.SESSION_COOKIE_NAME}={session.value if session else ''}", **options).open()


async def test_it_works(cast: Cast, server: Workspace) -> None:
    socket = await socket_of(cast, cast.viewer)
    try:
        assert await socket.next() == {"type": "ready"}
        await socket.until_back()
        async with server.async_client() as client:
            await client.create_template(name="python", image="host", cpu="100m", memory="64Mi")
        told = await socket.next()
        assert (told["type"], told["kind"], told["name"], told["event"]) == (
            "event",
            "template",
            "python",
            "template.created",
        )
    finally:
        await socket.close()
        await HUB.close()


async def test_rows_of_activity_are_told(cast: Cast, server: Workspace) -> None:
    socket = await socket_of(cast, cast.viewer)
    try:
        await socket.until_back()
        await arecord(actor=cast.member, team=cast.other_team, action="sandbox.created", target="theirs")
        await arecord(actor=cast.member, team=cast.team, action="sandbox.created", target="ours")
        told = await socket.next()
        assert (told["kind"], told["name"], told["event"]) == ("audit", "ours", "sandbox.created")
    finally:
        await socket.close()
        await HUB.close()


@pytest.mark.parametrize(
    ("who", "code"), [(None, CloseCode.SIGNED_OUT), ("outsider", CloseCode.NOT_ALLOWED)], ids=["nobody", "outsider"]
)
async def test_who_may_not(cast: Cast, who: str | None, code: CloseCode) -> None:
    socket = await socket_of(cast, getattr(cast, who) if who else None)
    assert await socket.next() == code
    await socket.close()


async def test_it_does_not_outlive_a_membership(cast: Cast, server: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "RECHECK_SECONDS", 0.05)
    socket = await socket_of(cast, cast.viewer)
    try:
        assert await socket.next() == {"type": "ready"}
        await cast.team.memberships.filter(user=cast.viewer).adelete()
        message: Any = {}
        while isinstance(message, dict):
            message = await socket.next()
        assert message == CloseCode.NOT_ALLOWED
    finally:
        await socket.close()
        await HUB.close()


async def test_a_page_has_nothing_to_say(cast: Cast, server: Workspace) -> None:
    socket = await socket_of(cast, cast.viewer)
    try:
        await socket.say("hello")
        message: Any = {}
        while isinstance(message, dict):
            message = await socket.next()
        assert message == CloseCode.BAD_MESSAGE
    finally:
        await socket.close()
        await HUB.close()


async def test_in_a_storm_each_kind_of_thing_is_told_once(cast: Cast, server: Workspace) -> None:
    socket = await socket_of(cast, cast.viewer)
    try:
        await socket.until_back()
        for number in range(100):
            for kind in ("sandbox", "pool"):
                HUB.tell(cast.team.pk, {"type": "event", "kind": kind, "id": str(number), "event": "sandbox.ready"})
        HUB.tell(cast.team.pk, {"type": "event", "kind": "volume", "id": "last", "event": "volume.ready"})
        told = []
        while not told or told[-1].get("id") != "last":
            told.append(await socket.next())
        assert len(told) <= consumer.MOST_AT_ONCE
        assert {each["kind"] for each in told} == {"sandbox", "pool", "volume"}
    finally:
        await socket.close()
        await HUB.close()
