"""A client of a shim, for tests: asks, reads frames, puts streams together."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from sandboxcore.shim.wire import HEADER, OFFSET, Kind, decode_header, encode, encode_control

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 30.0
"""Seconds after which a test that waits for a frame has failed."""


@dataclass
class Outcome:
    """All that came over one connection; ``gaps`` as (stream, from, to)."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    first: dict[str, int] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    gaps: list[tuple[str, int, int]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def final(self) -> dict[str, Any]:
        return self.messages[-1] if self.messages else {}

    @property
    def exit_code(self) -> int | None:
        return self.final.get("exit_code")

    @property
    def error_type(self) -> str | None:
        return self.final.get("error_type")


class Peer:
    """One connection to a shim."""

    opened: ClassVar[list[Peer]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        Peer.opened.append(self)
        self.reader = reader
        self.writer = writer
        self.outcome = Outcome()
        self._next: dict[str, int] = {}

    @classmethod
    async def connect(cls, path: Any, /, *, buffer: int = 1 << 16) -> Peer:
        """``buffer`` bounds what this side takes without being asked."""
        return cls(*await asyncio.open_unix_connection(str(path), limit=buffer))

    @classmethod
    async def ask(cls, path: Any, op: str, /, **fields: Any) -> Peer:
        peer = await cls.connect(path)
        peer.send(op, **fields)
        return peer

    @classmethod
    async def run(cls, path: Any, script: str, /, **fields: Any) -> Peer:
        """Start a shell script."""
        fields.setdefault("command_id", "c")
        return await cls.ask(
            path, "start", candidates=[["/bin/bash", "-c", script], ["/bin/sh", "-c", script]], **fields
        )

    def send(self, op: str, **fields: Any) -> None:
        self.writer.write(encode_control({"op": op, **fields}))

    def type(self, data: bytes) -> None:
        self.writer.write(encode(Kind.DATA, data))

    async def paste(self, data: bytes) -> None:
        for first in range(0, len(data), 1 << 18):
            self.type(data[first : first + (1 << 18)])
            await self.writer.drain()

    async def frame(self) -> tuple[Kind, bytes] | None:
        async with asyncio.timeout(PATIENCE):
            try:
                length, kind = decode_header(await self.reader.readexactly(HEADER.size))
                return kind, await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return None

    async def frames(self) -> AsyncIterator[tuple[Kind, bytes]]:
        while (frame := await self.frame()) is not None:
            self._note(*frame)
            yield frame

    async def message(self, kind: str) -> dict[str, Any]:
        """Read until a control message of this type; fails at the end of the connection."""
        async for _, _ in self.frames():
            if self.outcome.messages and self.outcome.messages[-1]["type"] == kind:
                return self.outcome.messages[-1]
        raise AssertionError(f"no {kind}; there was {self.outcome}")

    async def until(self, text: bytes) -> None:
        """Read until stdout holds ``text``."""
        if text in self.outcome.stdout:
            return
        async for _ in self.frames():
            if text in self.outcome.stdout:
                return
        raise AssertionError(f"no {text!r}; there was {self.outcome}")

    async def rest(self) -> Outcome:
        """All there is until the other side closes."""
        try:
            async for _ in self.frames():
                pass
        finally:
            self.close()
        return self.outcome

    def close(self) -> None:
        self.writer.close()

    async def leave(self) -> None:
        """Close after saying so."""
        self.send("detach")
        await self.writer.drain()
        self.close()

    def drop(self) -> None:
        """Vanish without a word."""
        transport = self.writer.transport
        if not transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()

    def _note(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.CONTROL:
            message = json.loads(body)
            self.outcome.messages.append(message)
            if message["type"] == "gap":
                self.outcome.gaps.append((message["stream"], message["from"], message["to"]))
            return
        name = kind.name.lower()
        (offset,) = OFFSET.unpack_from(body)
        text = body[OFFSET.size :]
        text.decode("utf-8", "strict")
        assert 0 < len(text) <= 64 * 1024 + 3
        jumps = [gap for gap in self.outcome.gaps if gap[0] == name and gap[2] == offset]
        assert self._next.get(name, offset) == offset or jumps, "text is missing or doubled without a gap"
        self.outcome.first.setdefault(name, offset)
        self._next[name] = offset + len(text)
        getattr(self.outcome, name).extend(text)
        if not self.outcome.order or self.outcome.order[-1] != name:
            self.outcome.order.append(name)

    def offset(self, stream: str = "stdout") -> int:
        """The offset after the last byte received."""
        return self._next.get(stream, 0)


async def close_all() -> None:
    """End every connection that a test left open."""
    while Peer.opened:
        peer = Peer.opened.pop()
        peer.drop()
        await asyncio.gather(peer.writer.wait_closed(), return_exceptions=True)


async def run(path: Any, script: str, /, **fields: Any) -> Outcome:
    """Run a shell script to its end."""
    peer = await Peer.run(path, script, **fields)
    return await peer.rest()


async def attach(path: Any, command_id: str = "c", /, **fields: Any) -> Outcome:
    """Attach and read to the end."""
    peer = await Peer.ask(path, "attach", command_id=command_id, **fields)
    return await peer.rest()


async def commands(path: Any) -> list[dict[str, Any]]:
    """Every session of the shim."""
    outcome = await (await Peer.ask(path, "commands")).rest()
    return [command for message in outcome.messages for command in message["commands"]]


async def wait_for(path: Any, command_id: str = "c", /, **expected: Any) -> dict[str, Any]:
    """Poll ``commands`` until a session shows ``expected``; it is then returned."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for command in await commands(path):
                if command["command_id"] == command_id and expected.items() <= command.items():
                    return command
            await asyncio.sleep(0.01)


def plain_connection(path: Any) -> socket.socket:
    """A blocking socket that reads only what it is told to, with the smallest buffer."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(str(path))
    return sock
