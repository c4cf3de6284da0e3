"""Open streams and the end of their keys, without a network between."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sandboxcore.server import keywatch
from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.streams import KEY_ENDED, Farewell
from sandboxcore.server.services import keys
from sandboxcore.server.services.keys import WantedKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

WAIT = 10


class Open:
    """One stream, opened with a key of its own."""

    def __init__(self, server: Inside, stack: ExitStack) -> None:
        self.server = server
        self.stack = stack

    async def stream(self, expires_at: float | None = None) -> tuple[str, asyncio.Future[Farewell]]:
        """The key's identifier, and the stream's early end."""
        database = self.server.core.database
        text = (await keys.create_key(database, workspace="default", name="k", actor="t", expires_at=expires_at)).text
        caller = await self.server.core.keys.identify(text)
        return caller.key_id, self.stack.enter_context(self.server.core.streams.held(caller, caller.key_id, "it", 1))


async def workspace_of(server: Inside) -> str:
    return (await keys.list_all_keys(server.core.database))[0][0].workspace_id


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look of its own accord within a test."""
    monkeypatch.setattr(keywatch, "LOOK_SECONDS", 3600.0)


@pytest.mark.usefixtures("slow")
async def test_a_key_revoked_here_ends_its_streams_before_the_call_returns(inside: Start) -> None:
    server = await inside()
    with ExitStack() as stack:
        opened = Open(server, stack)
        key, farewell = await opened.stream()
        _, other = await opened.stream()
        workspace = await workspace_of(server)
        await keys.revoke_key(server.core.database, actor="test", workspace_id=workspace, key_id=key)
        assert not farewell.done()
        server.core.key_watch.ended([key])
        assert farewell.result() is KEY_ENDED
        assert not other.done()


@pytest.mark.usefixtures("slow")
async def test_whoever_was_let_in_just_before_opens_nothing_more(inside: Start) -> None:
    server = await inside()
    text = (await keys.create_key(server.core.database, workspace="default", name="k", actor="test")).text
    caller = await server.core.keys.identify(text)
    server.core.key_watch.ended([caller.key_id])
    with server.core.streams.held(caller, "it", "it", 1) as farewell:
        assert farewell.result() is KEY_ENDED


async def test_a_key_revoked_elsewhere_ends_its_streams_with_the_next_look(inside: Start) -> None:
    server = await inside()
    with ExitStack() as stack:
        opened = Open(server, stack)
        key, farewell = await opened.stream()
        _, other = await opened.stream()
        workspace = await workspace_of(server)
        await keys.revoke_key(server.core.database, actor="test", workspace_id=workspace, key_id=key)
        async with asyncio.timeout(WAIT):
            assert await farewell is KEY_ENDED
        assert not other.done()


@pytest.mark.usefixtures("slow")
async def test_a_stream_of_a_key_that_soon_expires_ends_at_that_moment(inside: Start) -> None:
    server = await inside()
    with ExitStack() as stack:
        moment = now() + 0.5
        _, farewell = await Open(server, stack).stream(moment)
        async with asyncio.timeout(WAIT):
            assert await farewell is KEY_ENDED
        assert now() >= moment


async def test_a_look_says_when_the_next_is_due(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await inside()
    look = server.core.key_watch.look
    monkeypatch.setattr(keywatch, "LOOK_SECONDS", 100.0)
    assert await look() == 100
    with ExitStack() as stack:
        opened = Open(server, stack)
        await opened.stream()
        assert await look() == 100
        key, _ = await opened.stream(now() + 50)
        assert 49 < await look() <= 50
        workspace = await workspace_of(server)
        await keys.update_key(
            server.core.database, actor="test", workspace_id=workspace, key_id=key, never_expires=True
        )
        assert await look() == 100


async def test_a_look_that_fails_is_followed_by_another(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await inside()
    with ExitStack() as stack:
        key, farewell = await Open(server, stack).stream()
        living, failed = keys.living, asyncio.Event()

        async def fail(*_arguments: object) -> dict[str, float | None]:
            failed.set()
            monkeypatch.setattr(keys, "living", living)
            raise OSError("the database is away")

        monkeypatch.setattr(keys, "living", fail)
        async with asyncio.timeout(WAIT):
            await failed.wait()
        workspace = await workspace_of(server)
        await keys.revoke_key(server.core.database, actor="test", workspace_id=workspace, key_id=key)
        async with asyncio.timeout(WAIT):
            assert await farewell is KEY_ENDED


async def test_many_keys_are_asked_for_in_parts(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await inside()
    monkeypatch.setattr(keys, "_BATCH", 2)
    workspace = await workspace_of(server)
    made = [
        (await keys.make_key(server.core.database, actor="t", workspace_id=workspace, wanted=WantedKey("k"))).key.id
        for _ in range(5)
    ]
    await keys.revoke_key(server.core.database, actor="test", workspace_id=workspace, key_id=made[0])
    found = await keys.living(server.core.database, [*made, "unknown"])
    assert found == dict.fromkeys(made[1:])
