"""One handle in several hands: tasks of an event loop, and threads."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import AsyncSandbox, Sandbox
from sandboxcore.client._async import _link

if TYPE_CHECKING:
    from sandboxcore import AsyncSandboxClient, SandboxClient
    from tests.client.fake import FakeServer, Peer


def echo(peer: Peer) -> None:
    """A command that prints what it is sent until it is killed."""
    peer.started()
    offset = 0
    while (message := peer.recv())["type"] != "kill":
        data = message.get("data", "")
        peer.send("stdout", data=data, offset=offset)
        offset += len(data.encode())
    peer.send("exit", exit_code=137)


def echo_again(peer: Peer) -> None:
    """The same, for a client that was there before."""
    offset = peer.recv()["stdout_offset"]
    while (message := peer.recv())["type"] != "kill":
        data = message.get("data", "")
        peer.send("stdout", data=data, offset=offset)
        offset += len(data.encode())
    peer.send("exit", exit_code=137)


async def test_tasks_read_write_resize_and_kill_at_once(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.scripts.append(echo)
    handle = await AsyncSandbox.from_dict(server.box(), async_client).run("cat", wait=False, pty=True)
    seen: list[str] = []

    async def read() -> None:
        async for chunk in handle:
            seen.append(chunk.data)
            if "".join(seen).count("|") == 50:
                await handle.kill()

    async def write() -> None:
        for number in range(50):
            await handle.send_input(f"{number}|")

    async def resize() -> None:
        for number in range(1, 50):
            await handle.resize(number, number)

    await asyncio.gather(read(), write(), resize())
    assert "".join(seen) == "".join(f"{number}|" for number in range(50))
    assert (await handle.result).exit_code == 137


async def test_two_long_inputs_are_not_mixed(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.scripts.append(echo)
    handle = await AsyncSandbox.from_dict(server.box(), async_client).run("cat", wait=False)
    parts = ["a" * 300_000, "b" * 300_000]

    async def read() -> str:
        text = ""
        async for chunk in handle:
            text += chunk.data
            if len(text) == 600_000:
                await handle.kill()
        return text

    text, *_ = await asyncio.gather(read(), *(handle.send_input(part) for part in parts))
    assert text in {parts[0] + parts[1], parts[1] + parts[0]}


async def test_a_cancelled_reader_loses_nothing(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.scripts.append(echo)
    handle = await AsyncSandbox.from_dict(server.box(), async_client).run("cat", wait=False)
    for number in range(20):
        reading = asyncio.ensure_future(anext(handle))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await handle.send_input(str(number))
        assert (await anext(handle)).data == str(number)
    await handle.kill()
    assert (await handle.result).stdout == "".join(map(str, range(20)))


async def test_close_ends_a_reader_that_waits(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.scripts.append(echo)
    handle = await AsyncSandbox.from_dict(server.box(), async_client).run("cat", wait=False)

    async def read() -> list[Any]:
        return [chunk async for chunk in handle]

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    await handle.close()
    assert await reading == []


async def test_close_ends_a_wait_for_the_next_try(
    server: FakeServer, async_client: AsyncSandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = iter([0, 3600])
    wait = _link.async_wait
    monkeypatch.setattr(_link, "async_wait", lambda event, _seconds: wait(event, next(pauses)))

    def lost(peer: Peer) -> None:
        peer.started()
        peer.drop()

    server.scripts.append(lost)
    handle = await AsyncSandbox.from_dict(server.box(), async_client).run("cat", wait=False)
    reading = asyncio.ensure_future(anext(handle, None))
    while len(server.peers) < 2:  # this server refuses the first try
        await asyncio.sleep(0.01)
    await handle.close()
    assert await asyncio.wait_for(reading, 30) is None


async def test_reader_and_writer_share_the_new_connection(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]
) -> None:
    def lost(peer: Peer) -> None:
        peer.started()
        peer.drop()

    server.scripts.extend([lost, echo_again])
    handle = await AsyncSandbox.from_dict(server.box(), async_client).run("cat", wait=False)

    async def read() -> str:
        return (await anext(handle)).data

    async def write() -> None:
        while not server.peers[1:]:
            await handle.resize(1, 1)
        await handle.send_input("here")

    text, _ = await asyncio.gather(read(), write())
    assert text == "here"
    assert len(server.peers) == 2
    await handle.kill()
    await handle.result


def test_threads_read_write_and_kill_at_once(server: FakeServer, sync_client: SandboxClient) -> None:
    server.scripts.append(echo)
    handle = Sandbox.from_dict(server.box(), sync_client).run("cat", wait=False)

    def write() -> None:
        for number in range(200):
            handle.send_input(f"{number}|")
        handle.send_input("end")

    writer = threading.Thread(target=write)
    writer.start()
    text = ""
    for chunk in handle:
        text += chunk.data
        if text.endswith("end"):
            threading.Thread(target=handle.kill).start()
    writer.join()
    assert text == "".join(f"{number}|" for number in range(200)) + "end"
    assert handle.result.exit_code == 137


def test_close_from_another_thread_ends_a_reader(server: FakeServer, sync_client: SandboxClient) -> None:
    server.scripts.append(echo)
    handle = Sandbox.from_dict(server.box(), sync_client).run("cat", wait=False)
    closer = threading.Timer(0.05, handle.close)
    closer.start()
    assert list(handle) == []
    closer.join()


def test_many_commands_at_once(server: FakeServer, sync_client: SandboxClient) -> None:
    def script(peer: Peer) -> None:
        message = peer.started()
        peer.send("stdout", data=message["command"], offset=0)
        peer.send("exit", exit_code=0)
        peer.close()

    server.scripts.extend([script] * 24)
    sandbox = Sandbox.from_dict(server.box(), sync_client)
    results: dict[str, str] = {}

    def run(name: str) -> None:
        results[name] = sandbox.run(name).stdout

    threads = [threading.Thread(target=run, args=(f"command-{number}",)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {f"command-{number}": f"command-{number}" for number in range(24)}
