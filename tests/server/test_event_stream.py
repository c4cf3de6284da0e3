"""``/events/stream``: in order, never a gap, never a duplicate, whatever happens to the connection or the server."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.server.api import event_stream
from sandboxcore.server.api.event_stream import EventStream
from sandboxcore.server.services.retention import forget_the_past
from tests.server.conftest import DATABASES, unique
from tests.server.sse import Parser, streaming
from tests.server.test_events import events_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd
    from tests.server.sse import Message

    Start = Callable[..., Awaitable[Inside]]
    Clients = Callable[..., httpx.AsyncClient]
    Own = Callable[..., Sandboxd]


async def make_templates(client: httpx.AsyncClient, count: int, prefix: str = "template") -> list[str]:
    names = [unique(prefix) for _ in range(count)]
    for name in names:
        answer = await client.post("/templates", json={"name": name, "image": "host"})
        assert answer.status_code == 201, answer.text
    return names


def names_of(messages: list[Message]) -> list[str]:
    return [message.body["subject"]["name"] for message in messages]


async def test_it_works(api: httpx.AsyncClient, sandboxd: Sandboxd, clients: Clients) -> None:
    newest = (await api.get("/events")).json()["newest"]
    async with streaming(clients(sandboxd)) as events:
        assert events.parser.comments, "a comment comes at once, so that proxies pass the answer on"
        assert (events.parser.last_id, events.parser.retry) == (str(newest), 1000)
        names = await make_templates(api, 3)
        messages = await events.take(3)
    assert names_of(messages) == names
    assert [message.number for message in messages] == [newest + 1, newest + 2, newest + 3]
    assert [message.type for message in messages] == ["template.created"] * 3
    assert [message.body for message in messages] == await events_of(api, after=newest, limit=3)


async def test_a_commit_in_this_process_wakes_it_at_once(
    api: httpx.AsyncClient, sandboxd: Sandboxd, clients: Clients
) -> None:
    """All within one interval of looking, which alone would take ten of them."""
    loop = asyncio.get_running_loop()
    async with streaming(clients(sandboxd)) as events:
        began = loop.time()
        for _ in range(10):
            await make_templates(api, 1)
            await events.take(1)
        assert loop.time() - began < 10 * event_stream.LOOK_SECONDS / 2


async def test_it_resumes_at_every_point(api: httpx.AsyncClient, sandboxd: Sandboxd, clients: Clients) -> None:
    start = (await api.get("/events")).json()["newest"]
    names = await make_templates(api, 12)
    client = clients(sandboxd)
    for cut in range(13):
        async with streaming(client, after=start) as events:
            first = await events.take(cut)
        last_id = first[-1].last_id if first else str(start)
        async with streaming(client, last_id, after=start) as events:
            rest = await events.take(12 - cut)
        assert names_of(first + rest) == names
        assert [message.number for message in first + rest] == list(range(start + 1, start + 13))


async def test_it_resumes_wherever_the_bytes_were_cut(inside: Start) -> None:
    app = await inside()
    await make_templates(app.client, 6)
    whole = await Driver.open(app, after=0)
    count = len(await whole.until(lambda found: len(found) >= 8))
    await whole.leave()
    raw = b"".join(whole.taken)
    for cut in range(0, len(raw), 97):
        parser = Parser()
        before = parser.feed(raw[:cut])
        resumed = await Driver.open(app, after=int(parser.last_id or 0))
        rest = await resumed.until(lambda found: (bool(found) and found[-1].number == count) or len(before) == count)  # noqa: B023
        await resumed.leave()
        assert [message.number for message in before + rest] == list(range(1, count + 1))


async def test_one_page_follows_another(
    api: httpx.AsyncClient, sandboxd: Sandboxd, clients: Clients, inside: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    del api, sandboxd, clients
    monkeypatch.setattr(event_stream, "PAGE", 3)
    app = await inside()
    names = await make_templates(app.client, 10)
    driver = await Driver.open(app, after=0)
    messages = await driver.until(lambda found: len(found) >= 12)
    assert names_of(messages)[-10:] == names
    assert [message.number for message in messages] == list(range(1, len(messages) + 1))
    await driver.leave()


async def test_a_workspace_sees_its_own_events_alone(sandboxd: Sandboxd, clients: Clients) -> None:
    theirs = clients(sandboxd, new_key(sandboxd, "read", "manage", workspace=unique("other")))
    ours = clients(sandboxd)
    async with streaming(ours) as events, streaming(theirs) as their_events:
        [their_name] = await make_templates(theirs, 1)
        [our_name] = await make_templates(ours, 1)
        assert names_of(await events.take(1)) == [our_name]
        assert names_of(await their_events.take(1)) == [their_name]


@pytest.mark.parametrize("database", DATABASES)
async def test_a_killed_server_loses_nothing(own_sandboxd: Own, clients: Clients, database: str) -> None:
    server = own_sandboxd(postgres=database == "postgresql")
    numbers: list[int] = []
    names: list[str] = []
    last_id = "0"
    for _ in range(3):
        async with streaming(clients(server), last_id) as events:
            names += await make_templates(clients(server), 4)
            while len(numbers) < 3 + len(names) - 2:
                numbers.append((await events.next()).number)
            last_id = str(numbers[-1])
            await asyncio.to_thread(server.stop, signal.SIGKILL)
        await asyncio.to_thread(server.start)
    async with streaming(clients(server), last_id) as events:
        numbers += [message.number for message in await events.take(2)]
    kept = (await clients(server).get("/events")).json()
    assert numbers == list(range(1, kept["newest"] + 1))
    everything = await events_of(clients(server), type="template.created")
    assert [event["subject"]["name"] for event in everything] == names


@pytest.mark.parametrize("database", DATABASES)
async def test_parallel_writers(own_sandboxd: Own, clients: Clients, database: str) -> None:
    """On PostgreSQL through two processes, each read by streams of both."""
    first = own_sandboxd(postgres=database == "postgresql")
    servers = [first]
    if database == "postgresql":
        servers.append(own_sandboxd(database_url=first.environment["SANDBOXD_DATABASE_URL"]))
    many = [clients(server, first.key) for server in servers for _ in range(4)]
    start = (await many[0].get("/events")).json()["newest"]
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(clients(server, first.key))) for server in servers * 2]
        made = await asyncio.gather(*(make_templates(client, 10) for client in many))
        count = 10 * len(many)
        seen = await asyncio.gather(*(stream.take(count) for stream in streams))
    for messages in seen:
        assert [message.number for message in messages] == list(range(start + 1, start + 1 + count))
        assert names_of(messages) == names_of(seen[0])
        order = names_of(messages)
        for names in made:
            assert [name for name in order if name in set(names)] == names, "each writer's own order is kept"


async def test_what_is_no_longer_kept_is_told(inside: Start) -> None:
    app = await inside()
    await make_templates(app.client, 10)
    newest = (await app.client.get("/events")).json()["newest"]
    await forget_the_past(app.core.database, actor="test", days=1, most=4)
    for back, reset in ((newest, True), (5, True), (4, False), (0, False), (-1, True)):
        after = newest - back
        driver = await Driver.open(app, after=after)
        await make_templates(app.client, 1)
        newest += 1
        messages = await driver.until(lambda found: bool(found) and found[-1].number >= newest)  # noqa: B023
        await driver.leave()
        if reset:
            assert messages[0].type == "reset"
            assert messages[0].body["newest"] == messages[0].number >= newest - 1
            assert messages[0].body["oldest"] <= messages[0].body["newest"]
        else:
            assert [message.number for message in messages] == list(range(after + 1, newest + 1))
        await forget_the_past(app.core.database, actor="test", days=1, most=4)


async def test_a_reader_that_pruning_overtakes_is_told(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PAGE", 2)
    app = await inside()
    await make_templates(app.client, 10)
    driver = await Driver.open(app, after=0, reads=2)
    await forget_the_past(app.core.database, actor="test", days=1, most=3)
    driver.read_on()
    messages = await driver.until(lambda found: any(message.type == "reset" for message in found))
    assert [message.number for message in messages[:2]] == [1, 2]
    await driver.leave()


async def test_a_slow_reader_is_waited_for_with_one_page_in_hand(
    inside: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "PAGE", 2)
    app = await inside()
    driver = await Driver.open(app, after=0, reads=1)
    await make_templates(app.client, 20)
    assert len(driver.taken) == 1
    driver.read_on()
    messages = await driver.until(lambda found: len(found) >= 22)
    assert [message.number for message in messages] == list(range(1, len(messages) + 1))
    assert max(len(chunk.split(b"\n\n")) - 1 for chunk in driver.taken) <= 2
    await driver.leave()


async def test_a_quiet_stream_shows_that_it_lives(inside: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
    app = await inside()
    driver = await Driver.open(app)
    await driver.until(lambda _found: driver.parser.comments.count("still here") >= 2)
    await driver.leave()


async def test_streams_are_bounded_for_a_workspace(own_sandboxd: Own, clients: Clients) -> None:
    server = own_sandboxd(max_event_streams=2)
    client = clients(server)
    async with streaming(client):
        async with streaming(client):
            refused = await client.get("/events/stream")
            assert refused.status_code == 429
            assert refused.json()["detail"]["error"] == "TooManyRequests"
            assert refused.headers["retry-after"] == "1"
            assert (await client.get("/events")).status_code == 200
        async with asyncio.timeout(10):
            while (await opened_and_closed(client)) != 200:
                await asyncio.sleep(0.01)


async def opened_and_closed(client: httpx.AsyncClient) -> int:
    async with client.stream("GET", "/events/stream") as response:
        return response.status_code


async def test_a_server_that_ends_says_goodbye(own_sandboxd: Own, clients: Clients) -> None:
    server = own_sandboxd()
    async with streaming(clients(server)) as events:
        ending = asyncio.create_task(asyncio.to_thread(server.stop))
        farewell = await events.next()
        assert (farewell.type, farewell.body["reason"]) == ("farewell", "restarting")
        with pytest.raises(StopAsyncIteration):
            await events.next()
    assert await ending == 0


async def test_a_revoked_key_ends_its_streams(sandboxd: Sandboxd, clients: Clients) -> None:
    """Revoked by another process, whose event comes as well."""
    key = new_key(sandboxd, "read")
    async with streaming(clients(sandboxd, key)) as events, streaming(clients(sandboxd)) as others:
        public_id = re.fullmatch(r"sbx_([a-z0-9]{12})_.*", key)
        assert public_id is not None
        await asyncio.to_thread(sandboxd.cli, "keys", "revoke", public_id[1])
        farewell = (await events.until("farewell"))[-1]
        assert farewell.body["reason"] == "key_ended"
        with pytest.raises(StopAsyncIteration):
            await events.next()
        assert (await others.until("key.revoked"))[-1].body["subject"]["kind"] == "key"


@pytest.mark.parametrize("last_id", ["x", "-1", "1.5", "9" * 20, "\u0661"])
async def test_a_number_that_is_none(api: httpx.AsyncClient, last_id: str) -> None:
    answer = await api.get("/events/stream", headers={b"Last-Event-ID": last_id.encode()})
    assert answer.status_code == 422


async def test_it_needs_a_key_that_may_read(sandboxd: Sandboxd, clients: Clients) -> None:
    runner = clients(sandboxd, new_key(sandboxd, "run"))
    for path in ("/events/stream", "/events", "/history"):
        assert (await runner.get(path)).status_code == 403
        assert (await clients(sandboxd, "").get(path)).status_code == 401


def new_key(server: Sandboxd, *scopes: str, workspace: str = "default") -> str:
    made = server.cli("keys", "create", "--workspace", workspace, "--name", unique("key"), "--scopes", *scopes)
    key: str = made["api_key"]
    return key


class Driver:
    """Runs an ``EventStream`` without a network, taking what it sends at the test's pace."""

    def __init__(self, app: Inside, reads: int) -> None:
        self.app = app
        self.taken: list[bytes] = []
        self.parser = Parser()
        self._messages: list[Message] = []
        self._may_read = asyncio.Semaphore(reads)
        self._unlimited = False
        self._moved = asyncio.Event()
        self._left = asyncio.Event()
        self._task: asyncio.Task[None]

    @classmethod
    async def open(cls, app: Inside, after: int | None = None, reads: int | None = None) -> Driver:
        driver = cls(app, reads or 0)
        driver._unlimited = reads is None
        caller = await app.core.keys.identify(app.client.headers["x-api-key"])
        driver._task = asyncio.create_task(EventStream(app.core, caller, after)({}, driver._receive, driver._send))
        await driver.until(lambda _found: bool(driver.parser.last_id) or not (driver._unlimited or reads))
        return driver

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            return
        if not self._unlimited:
            await self._may_read.acquire()
        self.taken.append(message["body"])
        self._messages += self.parser.feed(message["body"])
        self._moved.set()

    def read_on(self) -> None:
        self._unlimited = True
        self._may_read.release()

    async def until(self, condition: Callable[[list[Message]], bool]) -> list[Message]:
        async with asyncio.timeout(20):
            while not condition(self._messages):
                self._moved.clear()
                await self._moved.wait()
        return self._messages

    async def leave(self) -> None:
        self._left.set()
        await self._task
        assert not self.app.core.streams.keys()
