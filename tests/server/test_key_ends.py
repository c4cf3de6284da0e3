"""What a key's end does to the requests that it has open, on the real server: by revocation, here and in another
process, and by its time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.server.conftest import DATABASES, client_of
from tests.server.live import Commands, Live
from tests.server.running import POSTGRES_URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.server.running import Sandboxd

PATIENCE = 30.0
"""Seconds that a stream may take to be over on a machine that is busy; `test_keywatch.py` says when it is due."""
POLICY_VIOLATION = 1008


class Guest:
    """A key of its own, made and ended by the admin API."""

    def __init__(self, server: Sandboxd, box: dict[str, Any], made: dict[str, Any], admin: httpx.AsyncClient) -> None:
        self.id: str = made["id"]
        self.expires_at: str | None = made["expires_at"]
        self.key_text: str = made["api_key"]
        self.api = client_of(server, self.key_text)
        self.live = Commands(box["dataplane_url"], made["api_key"])
        self.url: str = box["dataplane_url"]
        self._admin = admin

    @classmethod
    async def arrive(cls, server: Sandboxd, box: dict[str, Any], **body: Any) -> Guest:
        admin = httpx.AsyncClient(
            base_url=f"{server.origin}/v2/admin", headers={"X-Api-Key": server.admin_key}, timeout=30
        )
        made = await admin.post("/workspaces/default/keys", json={"name": "guest", **body})
        assert made.status_code == 201, made.text
        return cls(server, box, made.json(), admin)

    async def revoke(self) -> None:
        answer = await self._admin.delete(f"/workspaces/default/keys/{self.id}")
        assert answer.status_code == 204, answer.text

    async def patch(self, **body: Any) -> None:
        answer = await self._admin.patch(f"/workspaces/default/keys/{self.id}", json=body)
        assert answer.status_code == 200, answer.text

    async def leave(self) -> None:
        await self.live.close()
        await self.api.aclose()
        await self._admin.aclose()


@pytest_asyncio.fixture
async def guest(sandboxd: Sandboxd, box: dict[str, Any]) -> AsyncIterator[Guest]:
    made = await Guest.arrive(sandboxd, box)
    yield made
    await made.leave()


async def closed(stream: Live) -> None:
    """The socket is closed because of its key."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ConnectionClosed) as end:
            while True:
                await stream.socket.recv()
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == POLICY_VIOLATION
    assert "API key" in end.value.rcvd.reason


async def test_a_socket_closes_at_once_and_its_command_goes_on(guest: Guest, live: Commands) -> None:
    stream = await guest.live.run("echo one; read line; echo $line")
    command = await stream.started()
    await stream.until("one")
    await guest.revoke()
    await closed(stream)
    after = await live.attach(command)
    await after.until("one")
    await after.send(type="input", data="two\n")
    await after.until("two")
    assert (await after.end())["exit_code"] == 0


async def test_other_keys_streams_stay(guest: Guest, live: Commands) -> None:
    other = await live.run("read line; echo $line")
    await other.started()
    stream = await guest.live.run("sleep 100")
    await stream.started()
    await guest.revoke()
    await closed(stream)
    await other.send(type="input", data="here\n")
    await other.until("here")


async def test_the_command_line_ends_streams_of_a_server_that_runs(sandboxd: Sandboxd, guest: Guest) -> None:
    stream = await guest.live.run("sleep 100")
    await stream.started()
    assert await asyncio.to_thread(sandboxd.cli, "keys", "revoke", guest.id) == {"revoked": True}
    await closed(stream)
    assert (await guest.api.get("/boxes")).status_code == 401


async def test_an_expiry_ends_streams_at_its_moment(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    guest = await Guest.arrive(sandboxd, box, expires_in_seconds=4)
    stream = await guest.live.run("sleep 100")
    await stream.started()
    assert guest.expires_at is not None
    moment = datetime.fromisoformat(guest.expires_at).timestamp()
    await closed(stream)
    assert time.time() >= moment
    await guest.leave()


async def test_an_expiry_that_is_moved_counts(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    guest = await Guest.arrive(sandboxd, box, expires_in_seconds=4)
    stream = await guest.live.run("read line; echo $line")
    await stream.started()
    await guest.patch(expires_at=None)
    moment = datetime.fromisoformat(guest.expires_at or "").timestamp()
    # Until the former moment is past, and a look after it would have come.
    async with asyncio.timeout(10):
        while time.time() < moment + 1:
            assert (await guest.api.get("/boxes")).status_code == 200
            await asyncio.sleep(0.1)
    await stream.send(type="input", data="here\n")
    await stream.until("here")
    await guest.leave()


async def test_execute_answers_at_once_and_the_command_goes_on(guest: Guest, api: httpx.AsyncClient) -> None:
    command = {"command": "touch begun; until [ -e go ]; do sleep 0.05; done; touch done", "timeout": 60}
    running = asyncio.create_task(guest.api.post(f"{guest.url}/execute", json=command))
    await until_there(api, guest.url, "begun")
    await guest.revoke()
    async with asyncio.timeout(PATIENCE):
        answer = await running
    assert (answer.status_code, answer.json()["detail"]["error"]) == (400, "CommandError")
    assert "API key was revoked" in answer.json()["detail"]["message"]
    assert (await api.post(f"{guest.url}/execute", json={"command": "touch go"})).status_code == 200
    await until_there(api, guest.url, "done")


async def test_a_download_that_nobody_reads_is_cut_short(guest: Guest, api: httpx.AsyncClient) -> None:
    made = await api.post(f"{guest.url}/execute", json={"command": "truncate -s 1G big"})
    assert made.json()["exit_code"] == 0
    async with guest.api.stream("GET", f"{guest.url}/download", params={"path": "big"}) as answer:
        assert answer.status_code == 200
        pieces = answer.aiter_raw()
        await anext(pieces)
        await guest.revoke()
        size = 0
        async with asyncio.timeout(10):
            with pytest.raises(httpx.RemoteProtocolError):
                async for piece in pieces:
                    size += len(piece)
        assert size < 2**29


async def test_an_upload_is_refused_at_once_and_leaves_no_file(guest: Guest, api: httpx.AsyncClient) -> None:
    """By hand, since HTTP clients read no answer before they have sent all of the body."""
    url = httpx.URL(f"{guest.url}/upload", params={"path": "part"})
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.host}\r\nX-Api-Key: {guest.key_text}\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000\r\n\r\n"
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"a" * 1_000_000
    writer.write(head.encode() + part)
    await writer.drain()
    answer = asyncio.create_task(reader.readline())
    # It was let in: the shim holds what came so far in a file without its name.
    await until_output(api, guest.url, "find . -type f -size +900k | wc -l", "1")
    await guest.revoke()
    async with asyncio.timeout(PATIENCE):
        assert b" 401 " in await answer
    await until_output(api, guest.url, "find . -type f -size +900k | wc -l", "0")
    writer.close()


async def test_a_tunnel_closes_at_once(guest: Guest) -> None:
    url = guest.url.replace("http", "ws", 1) + "/tunnel"
    async with connect(url, additional_headers={"X-Api-Key": guest.key_text}) as socket:
        await guest.revoke()
        await closed(Live(socket))


async def test_the_event_stream_says_why_it_ends(guest: Guest) -> None:
    async with guest.api.stream("GET", "/events/stream") as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await guest.revoke()
        async with asyncio.timeout(PATIENCE):
            text = "\n".join([line async for line in lines])
    assert "event: farewell" in text
    assert "key_ended" in text


async def test_a_deleted_workspace_ends_its_streams(sandboxd: Sandboxd, clients: Any) -> None:
    admin = clients(sandboxd, sandboxd.admin_key)
    admin.base_url = f"{sandboxd.origin}/v2/admin"
    name = f"gone-{time.time_ns()}"
    assert (await admin.post("/workspaces", json={"name": name})).status_code == 201
    key = (await admin.post(f"/workspaces/{name}/keys", json={"name": "k"})).json()["api_key"]
    api = clients(sandboxd, key)
    assert (await api.post("/templates", json={"name": "t", "image": "host"})).status_code == 201
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    live = Commands(box["dataplane_url"], key)
    stream = await live.run("sleep 100")
    await stream.started()
    assert (await admin.delete(f"/workspaces/{name}")).status_code == 409
    assert (await admin.delete(f"/workspaces/{name}", params={"force": True})).status_code in (202, 204)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionClosed):
            while True:
                await stream.socket.recv()
    assert (await api.get("/boxes")).status_code == 401
    async with asyncio.timeout(20):
        while (sandboxd.run_dir / "sandboxes" / box["id"]).exists():
            await asyncio.sleep(0.05)
    await live.close()


@pytest.mark.skipif(not POSTGRES_URL, reason="two servers share a PostgreSQL; SANDBOXD_TEST_POSTGRES_URL names none")
async def test_a_key_revoked_by_one_server_ends_in_the_other(own_sandboxd: Callable[..., Sandboxd]) -> None:
    first = own_sandboxd(postgres=True)
    second = first.beside()
    try:
        async with client_of(first) as api:
            assert (await api.post("/templates", json={"name": "t", "image": "host"})).status_code == 201
            box = (await api.post("/boxes", json={"template_name": "t"})).json()
            guest = await Guest.arrive(first, box)
            there = Commands(box["dataplane_url"].replace(first.origin, second.origin), guest.key_text)
            stream = await there.run("sleep 100")
            await stream.started()
            await guest.revoke()
            await closed(stream)
            async with client_of(second, guest.key_text) as client:
                assert (await client.get("/boxes")).status_code == 401
            await there.close()
            await guest.leave()
    finally:
        second.stop()


async def until_there(api: httpx.AsyncClient, url: str, path: str) -> None:
    """Wait for a file in the sandbox."""
    async with asyncio.timeout(20):
        while (await api.get(f"{url}/download", params={"path": path})).status_code != 200:
            await asyncio.sleep(0.02)


async def until_output(api: httpx.AsyncClient, url: str, command: str, wanted: str) -> None:
    """Wait until a command prints this."""
    async with asyncio.timeout(20):
        while (await api.post(f"{url}/execute", json={"command": command})).json()["stdout"].strip() != wanted:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("database", DATABASES)
async def test_a_workspaces_end_outlives_a_killed_server(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient], database: str
) -> None:
    server = own_sandboxd(postgres=database == "postgresql")
    admin = clients(server, server.admin_key)
    admin.base_url = httpx.URL(f"{server.origin}/v2/admin")
    api = clients(server)
    assert (await api.post("/templates", json={"name": "t", "image": "host"})).status_code == 201
    boxes = [(await api.post("/boxes", json={"template_name": "t"})).json()["id"] for _ in range(12)]
    folders = [server.run_dir / "sandboxes" / box for box in boxes]
    assert all(folder.exists() for folder in folders)
    workspace = (await admin.get("/workspaces/default")).json()["id"]
    deletion = asyncio.create_task(admin.delete("/workspaces/default", params={"force": True}))
    # Killed while some are gone and some are not.
    async with asyncio.timeout(20):
        while all(folder.exists() for folder in folders):
            await asyncio.sleep(0.001)
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    with contextlib.suppress(httpx.HTTPError):
        await deletion
    await asyncio.to_thread(server.start)
    admin.base_url = httpx.URL(f"{server.origin}/v2/admin")
    async with asyncio.timeout(30):
        while (await admin.get(f"/workspaces/{workspace}")).status_code != 404:
            await asyncio.sleep(0.05)
    assert not any(folder.exists() for folder in folders)
    assert (await clients(server).get("/boxes")).status_code == 401
