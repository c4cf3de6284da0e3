"""Tunnels to TCP services inside a sandbox."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.compat.driver.kit import PATIENCE, each, entered, free_port, settle
from tests.compat.driver.proxy import CuttingProxy
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.compat.driver.kit import Kit

_PORT = 7007
_NOBODY = 7008
_ECHO = f"""
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
with Server(("127.0.0.1", {_PORT}), Echo) as server:
    print("ready", flush=True)
    server.serve_forever()
"""


@asynccontextmanager
async def _echo_service(box: Any) -> AsyncIterator[None]:
    """A service inside that sends back what it gets."""
    await settle(box.write("/tmp/echo.py", _ECHO))
    handle = await settle(box.run("exec python3 /tmp/echo.py", timeout=0, wait=False))
    chunks = each(handle)
    assert (await anext(chunks)).data == "ready\n"
    try:
        yield
    finally:
        await settle(handle.kill())


def _talk(port: int, data: bytes) -> bytes:
    """What comes back for these bytes over one local connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,), daemon=True)
        sender.start()
        found = bytearray()
        while len(found) < len(data):
            part = connection.recv(65536)
            if not part:
                break
            found += part
        sender.join(PATIENCE)
        return bytes(found)


def _refused(port: int) -> bool:
    """Whether nobody listens: these releases take one more connection after they closed their listener."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionError:
        return True
    return False


@case(
    "tunnel",
    "Sandbox.tunnel",
    "Tunnel.__enter__",
    "Tunnel.__exit__",
    "Tunnel.local_port",
    "Tunnel.remote_port",
)
async def bytes_go_both_ways(kit: Kit) -> None:
    box = await kit.sandbox()
    port = free_port()
    async with _echo_service(box), entered(await settle(box.tunnel(_PORT, local_port=port))) as tunnel:
        assert (tunnel.local_port, tunnel.remote_port) == (port, _PORT)
        assert _talk(port, b"hello") == b"hello"
        data = bytes(range(256)) * 12_288
        assert _talk(port, data) == data
    await kit.until(lambda: _refused(port), "the end of the local listener")


@case("tunnel", "Sandbox.tunnel", "Tunnel.close")
async def many_connections_share_a_tunnel(kit: Kit) -> None:
    box = await kit.sandbox()
    async with _echo_service(box):
        tunnel = await settle(box.tunnel(_PORT, local_port=free_port()))
        answers: dict[int, bytes] = {}

        def one(number: int) -> None:
            answers[number] = _talk(tunnel.local_port, bytes([number]) * 100_000)

        threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        tunnel.close()
        assert answers == {number: bytes([number]) * 100_000 for number in range(12)}
    await kit.until(lambda: _refused(tunnel.local_port), "the end of the local listener")


class _Warnings(logging.Handler):
    """What the client logs of a tunnel: it has no other way to tell."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@case("tunnel", "Sandbox.tunnel")
async def nothing_listens_inside(kit: Kit) -> None:
    box = await kit.sandbox()
    logger, heard = logging.getLogger("langsmith.sandbox._tunnel"), _Warnings()
    logger.addHandler(heard)
    try:
        async with entered(await settle(box.tunnel(_NOBODY, local_port=free_port()))) as tunnel:
            with socket.create_connection(("127.0.0.1", tunnel.local_port), timeout=PATIENCE) as connection:
                assert connection.recv(1) == b""
            # A tunnel of another story, closed but for its last connection, may still warn of its own port.
            expected = f"tunnel: nothing listening on port {_NOBODY} inside sandbox"
            await kit.until(lambda: expected in heard.lines, "the client's warning")
    finally:
        logger.removeHandler(heard)


@case("tunnel", "Sandbox.tunnel")
async def a_bad_tunnel_is_refused(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("ValueError"):
        await settle(box.tunnel(0))
    with kit.raises("ValueError"):
        await settle(box.tunnel(_PORT, local_port=65536))
    with socket.create_server(("127.0.0.1", 0)) as taken, kit.raises("OSError"):
        await settle(box.tunnel(_PORT, local_port=taken.getsockname()[1]))


@case("tunnel", "Sandbox.tunnel")
async def a_tunnel_comes_back(kit: Kit) -> None:
    shared = await kit.sandbox()
    async with _echo_service(shared):
        with CuttingProxy(shared.dataplane_url) as proxy:
            box = kit.record("Sandbox")(
                name=shared.name, template_name=shared.template_name, dataplane_url=proxy.url, _client=kit.client
            )
            async with entered(await settle(box.tunnel(_PORT, local_port=free_port()))) as tunnel:
                assert _talk(tunnel.local_port, b"before") == b"before"
                proxy.cut()

                def again() -> bool:
                    try:
                        return _talk(tunnel.local_port, b"after") == b"after"
                    except ConnectionResetError:
                        return False

                await kit.until(again, "a tunnel that works again")
                assert proxy.connections >= 2
