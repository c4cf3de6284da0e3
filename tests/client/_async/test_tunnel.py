"""Tunnels: local connections that reach a port of a sandbox, over a WebSocket that fails in every way that it can."""

from __future__ import annotations

import gc
import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sandboxcore import (
    AsyncSandbox,
    AsyncSandboxClient,
    DataplaneNotConfiguredError,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxConnectionError,
    SandboxNotReadyError,
    StreamingUnsupportedError,
    TunnelConnectionRefusedError,
    TunnelError,
    TunnelPortNotAllowedError,
    TunnelUnsupportedVersionError,
)
from sandboxcore.client import _forwarding
from sandboxcore.protocol import tunnel as tunnel_protocol
from tests.client.fake import BOX
from tests.client.fake_tunnels import (
    DIGEST,
    ECHO,
    NOT_ALLOWED,
    REFUSED,
    RESETS,
    SILENT,
    STRANGE,
    TALKS,
    WRONG_VERSION,
    FakeTunnels,
)
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = '{"detail": {"error": "SandboxNotFound", "message": "there is no sandbox"}}'


@pytest.fixture
def tunnels() -> Iterator[FakeTunnels]:
    server = FakeTunnels()
    yield server
    server.stop()


@pytest.fixture
def sandbox(tunnels: FakeTunnels, async_client: AsyncSandboxClient) -> AsyncSandbox:
    return AsyncSandbox.from_dict({**BOX, "dataplane_url": tunnels.dataplane_url}, async_client, auto_delete=False)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_protocol, "RECONNECT_DELAYS", (0.0,))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def echo(port: int, words: bytes = b"hello") -> bytes:
    """What comes back for ``words``."""
    with connect(port) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def is_reset(connection: socket.socket) -> bool:
    try:
        read_all(connection)
    except ConnectionResetError:
        return True
    return False


def is_refused(port: int) -> bool:
    """Whether a connection is reset, perhaps before it is seen to be open."""
    try:
        with connect(port) as connection:
            return is_reset(connection)
    except ConnectionResetError:
        return True


def no_thread_is_left() -> None:
    until(lambda: f"tunnel-{ECHO}" not in {thread.name for thread in threading.enumerate()})


async def test_it_works(tunnels: FakeTunnels, sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        assert echo(tunnel.local_port) == b"hello"
        assert (tunnel.remote_port, tunnel.error) == (ECHO, None)
        assert repr(tunnel).endswith(f"Tunnel 127.0.0.1:{tunnel.local_port} to port {ECHO}>")
    (request,) = tunnels.upgrades
    assert request.path == "/boxes/1/dataplane/tunnel"
    assert request.headers["X-Api-Key"] == "a-key"


async def test_half_closes(sandbox: AsyncSandbox) -> None:
    content = os.urandom(3 << 20)
    async with await sandbox.tunnel(DIGEST) as tunnel:
        assert echo(tunnel.local_port, content).decode() == hashlib.sha256(content).hexdigest()
    async with await sandbox.tunnel(TALKS) as tunnel:
        with connect(tunnel.local_port) as connection:
            assert read_all(connection) == b"all I have to say"
            connection.sendall(b"goes on")


async def test_much_both_ways_at_once(sandbox: AsyncSandbox) -> None:
    contents = [os.urandom(1 << 20) * 4 for _ in range(4)]

    def talk(port: int, content: bytes) -> bool:
        with connect(port) as connection, ThreadPoolExecutor(1) as threads:
            reading = threads.submit(read_all, connection)
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            return reading.result(60) == content

    async with await sandbox.tunnel(ECHO) as tunnel:
        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(talk, [tunnel.local_port] * 4, contents))


async def test_many_connections(sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        connections = [connect(tunnel.local_port) for _ in range(100)]
        for number, connection in enumerate(connections):
            connection.sendall(b"%d" % number)
        for number, connection in enumerate(connections):
            assert connection.recv(10) == b"%d" % number
            connection.close()


async def test_more_connections_than_there_may_be(sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        connections = [connect(tunnel.local_port) for _ in range(257)]
        for connection in connections[:256]:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
        assert is_reset(connections[256])
        for connection in connections:
            connection.close()


async def test_local_ports(sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as first, await sandbox.tunnel(ECHO) as second:
        assert first.local_port == ECHO, "the number of the remote port, where it is free"
        assert second.local_port != ECHO
        assert echo(second.local_port) == b"hello"
        with pytest.raises(OSError, match="in use"):
            await sandbox.tunnel(ECHO, local_port=second.local_port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", first.local_port))
        wanted = second.local_port
    async with await sandbox.tunnel(ECHO, local_port=wanted) as third:
        assert third.local_port == wanted


@pytest.mark.parametrize(("remote", "local"), [(0, 0), (65536, 0), (-1, 0), (80, -1), (80, 65536)])
async def test_what_is_no_port(sandbox: AsyncSandbox, remote: int, local: int) -> None:
    with pytest.raises(ValueError, match="must be from"):
        await sandbox.tunnel(remote, local_port=local)


async def test_a_sandbox_without_an_address(async_client: AsyncSandboxClient) -> None:
    with pytest.raises(DataplaneNotConfiguredError):
        await AsyncSandbox.from_dict(BOX, async_client).tunnel(80)
    with pytest.raises(SandboxNotReadyError):
        await AsyncSandbox.from_dict({**BOX, "status": "failed"}, async_client).tunnel(80)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, "", SandboxAuthenticationError),
        (404, GONE, ResourceNotFoundError),
        (404, "", StreamingUnsupportedError),
        (503, "", SandboxConnectionError),
    ],
)
async def test_upgrades_that_are_refused(
    tunnels: FakeTunnels, sandbox: AsyncSandbox, status: int, body: str, error: type[Exception]
) -> None:
    tunnels.refusals.append((status, body))
    with pytest.raises(error):
        await sandbox.tunnel(ECHO)
    no_thread_is_left()


async def test_no_server(async_client: AsyncSandboxClient) -> None:
    box = {**BOX, "dataplane_url": "http://127.0.0.1:1/x"}
    with pytest.raises(SandboxConnectionError):
        await AsyncSandbox.from_dict(box, async_client).tunnel(80)


@pytest.mark.parametrize(
    ("port", "error"),
    [
        (NOT_ALLOWED, TunnelPortNotAllowedError),
        (REFUSED, TunnelConnectionRefusedError),
        (WRONG_VERSION, TunnelUnsupportedVersionError),
        (STRANGE, TunnelError),
    ],
    ids=["not-allowed", "refused", "wrong-version", "strange"],
)
async def test_ports_that_are_refused(sandbox: AsyncSandbox, port: int, error: type[TunnelError]) -> None:
    async with await sandbox.tunnel(port) as tunnel:
        assert is_refused(tunnel.local_port)
        assert type(tunnel.error) is error
        assert str(port) in str(tunnel.error) or error is TunnelUnsupportedVersionError


async def test_a_server_that_does_not_answer(sandbox: AsyncSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_forwarding, "ANSWER_TIMEOUT", 0.05)
    async with await sandbox.tunnel(SILENT) as tunnel:
        assert is_refused(tunnel.local_port)
        assert "did not say" in str(tunnel.error)


async def test_a_program_that_resets(sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(RESETS) as tunnel:
        with connect(tunnel.local_port) as connection:
            assert connection.recv(100) == b"last words"
            connection.sendall(b"x")
            assert is_reset(connection)


async def test_a_lost_connection_is_opened_again(tunnels: FakeTunnels, sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        for _ in range(3):
            with connect(tunnel.local_port) as connection:
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"
                tunnels.drop()
                assert is_reset(connection), "what was open is lost, and its program can tell"
        tunnels.refusals += [(503, ""), (502, "")]
        assert echo(tunnel.local_port) == b"hello"
    assert len(tunnels.upgrades) == 6


async def test_a_connection_that_stays_lost(tunnels: FakeTunnels, sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        tunnels.drop()
        tunnels.refusals += [(503, "")] * 3
        assert is_refused(tunnel.local_port)
        assert "gave up after 3 tries" in str(tunnel.error)
        assert echo(tunnel.local_port) == b"hello", "the next connection tries anew"
        assert tunnel.error is None


async def test_no_tries_are_lost_on_what_they_cannot_mend(tunnels: FakeTunnels, sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        tunnels.drop()
        tunnels.refusals.append((404, GONE))
        assert is_refused(tunnel.local_port)
        assert isinstance(tunnel.error, ResourceNotFoundError)
    assert len(tunnels.upgrades) == 2


async def test_no_reconnecting(tunnels: FakeTunnels, sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO, max_reconnects=0) as tunnel:
        assert echo(tunnel.local_port) == b"hello"
        tunnels.drop()
        assert is_refused(tunnel.local_port)
    assert len(tunnels.upgrades) == 1


async def test_a_server_that_breaks_the_protocol(tunnels: FakeTunnels, sandbox: AsyncSandbox) -> None:
    async with await sandbox.tunnel(ECHO) as tunnel:
        tunnels.garbage = True
        assert is_refused(tunnel.local_port)
        tunnels.garbage = False
        assert echo(tunnel.local_port) == b"hello"


async def test_closing(sandbox: AsyncSandbox) -> None:
    tunnel = await sandbox.tunnel(ECHO)
    connection = connect(tunnel.local_port)
    connection.sendall(b"x")
    assert connection.recv(1) == b"x"
    tunnel.close()
    tunnel.close()
    assert is_reset(connection)
    connection.close()
    no_thread_is_left()
    with pytest.raises(ConnectionRefusedError):
        connect(tunnel.local_port)


async def test_a_tunnel_that_is_forgotten(sandbox: AsyncSandbox) -> None:
    tunnel = await sandbox.tunnel(ECHO)
    assert echo(tunnel.local_port) == b"hello"
    del tunnel
    gc.collect()
    no_thread_is_left()
