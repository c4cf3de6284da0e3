"""A WebSocket client of ``/execute/ws`` for tests: raw messages, so that the server is judged by its own words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

WAIT = 20


class Live:
    """One connection to a sandbox's live commands."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.text = {"stdout": "", "stderr": ""}
        self.next_offset = {"stdout": 0, "stderr": 0}

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """The next message; output is also gathered, and its offsets checked to follow one another."""
        async with asyncio.timeout(WAIT):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        if message["type"] in self.text:
            stream = message["type"]
            assert message["offset"] == self.next_offset[stream]
            self.text[stream] += message["data"]
            self.next_offset[stream] += len(message["data"].encode())
        return message

    async def started(self) -> str:
        """The identifier of the command that has just started."""
        message = await self.receive()
        assert message["type"] == "started", message
        assert message["pid"] > 0
        return str(message["command_id"])

    async def until(self, text: str, stream: str = "stdout") -> None:
        while text not in self.text[stream]:
            message = await self.receive()
            assert message["type"] in self.text, message

    async def end(self) -> dict[str, Any]:
        """Read to the last message, and return it."""
        while (message := await self.receive())["type"] in ("started", "stdout", "stderr"):
            pass
        return message


class Commands:
    """Opens connections to one sandbox."""

    def __init__(self, dataplane_url: str, key: str) -> None:
        self.url = dataplane_url.replace("http", "ws", 1) + "/execute/ws"
        self._headers = {"X-Api-Key": key}
        self._sockets: list[ClientConnection] = []

    async def connect(self, **options: Any) -> Live:
        # A server that this side has filled up does not hear of the end: no use to wait for its answer.
        options.setdefault("close_timeout", 1)
        socket = await connect(self.url, additional_headers=self._headers, max_size=None, **options)
        self._sockets.append(socket)
        return Live(socket)

    async def run(self, command: str, **fields: Any) -> Live:
        live = await self.connect()
        await live.send(type="execute", command=command, **fields)
        return live

    async def attach(self, command_id: str, stdout: int = 0, stderr: int = 0, **fields: Any) -> Live:
        live = await self.connect()
        live.next_offset = {"stdout": stdout, "stderr": stderr}
        offsets = {"stdout_offset": stdout, "stderr_offset": stderr}
        await live.send(type="reconnect", command_id=command_id, **offsets, **fields)
        return live

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()
