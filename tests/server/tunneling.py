"""A yamux client of ``/tunnel``, and programs to reach through it."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sandboxcore.protocol.mux import Mux

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandboxcore.protocol.mux import MuxStream
    from tests.server.live import Commands, Live

PROGRAM = """
import hashlib, socket, sys, threading, time
what = sys.argv[1]

def echo(peer):
    while data := peer.recv(65536):
        peer.sendall(data)

def digest(peer):
    whole = hashlib.sha256()
    while data := peer.recv(65536):
        whole.update(data)
    peer.sendall(whole.hexdigest().encode())

def flood(peer):
    sent = 0
    while True:
        sent += peer.send(b"x" * 65536)
        print(sent, flush=True)

def deaf(peer):
    threading.Event().wait()

def serve(peer):
    with peer:
        globals()[what](peer)

listener = socket.create_server(("127.0.0.1", 0), backlog=300)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


async def listening(live: Commands, what: str) -> tuple[int, Live]:
    """The port of a program that has just begun to listen, and its command."""
    command = await live.run(f"python3 -c '{PROGRAM}' {what}", timeout=0)
    await command.started()
    await command.until("\n")
    return int(command.text["stdout"]), command


class TunnelClient:
    """One tunnel, whose streams are dialed by port."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.mux = Mux(socket.send, client=True)

    async def dial(self, port: int, version: int = 1) -> tuple[int, MuxStream]:
        """The server's answer, and the stream."""
        stream = self.mux.open()
        await stream.write(struct.pack("!BH", version, port))
        return (await stream.read_exactly(1))[0], stream

    async def run(self) -> None:
        """Until the connection ends."""
        writing = asyncio.create_task(self.mux.write_all())
        try:
            async for message in self.socket:
                assert isinstance(message, bytes)
                await self.mux.receive(message)
        except ConnectionClosed:
            pass
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            self.mux.close()

    async def closed(self) -> int:
        """The code with which the server closed."""
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code


@asynccontextmanager
async def tunnel(box: dict[str, Any], key: str) -> AsyncIterator[TunnelClient]:
    url = box["dataplane_url"].replace("http", "ws", 1) + "/tunnel"
    async with connect(url, additional_headers={"X-Api-Key": key}, max_size=None, close_timeout=1) as socket:
        client = TunnelClient(socket)
        running = asyncio.create_task(client.run())
        try:
            async with asyncio.timeout(60):
                yield client
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def read_all(stream: MuxStream) -> bytes:
    gathered = bytearray()
    while piece := await stream.read(1 << 16):
        gathered += piece
    return bytes(gathered)
