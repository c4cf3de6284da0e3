"""One page's end of a terminal's socket: what came from the page, kept in bounds, and what goes to it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NoReturn

from dashboard.sockets import CloseCode, Closing
from dashboard.terminals.protocol import (
    OUTPUT_WINDOW,
    Open,
    Size,
    decode_control,
    decode_input,
    decode_open,
    decode_page,
    decode_size,
    decode_taken,
    encode_output,
)
from dashboard.terminals.window import OutputWindow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Send = Callable[..., Awaitable[None]]

INPUT_MESSAGES = 64
"""Typed messages kept for the shell; a page sends a quarter of this unacknowledged."""
CONTROL_MESSAGES = 256
"""Small messages kept for a page that does not read."""


class Line:
    """What the consumer's pumps work on. ``receive`` never waits, so the page is always listened to."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._open: asyncio.Future[Open] = asyncio.get_running_loop().create_future()
        self.typed: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(INPUT_MESSAGES)
        self.window = OutputWindow(0, OUTPUT_WINDOW)
        self.heard = asyncio.Event()
        """Set by every message of the page."""
        self.size: Size | None = None
        """What the page would have; None before it has said."""
        self._resized = asyncio.Event()
        self._wishes: dict[str, None] = {}
        self._wished = asyncio.Event()
        self._controls: asyncio.Queue[dict[str, Any]] = asyncio.Queue(CONTROL_MESSAGES)
        self.on_keyboard: Callable[[int], None] = lambda _: None
        """Called with the page that this one wants to have the keyboard."""

    def receive(self, text: str | None, data: bytes | None) -> None:
        """Take one message of the page. Raises ``Closing``."""
        self.heard.set()
        if text is not None:
            self._control(decode_control(text))
            return
        try:
            self.typed.put_nowait(decode_input(data or b""))
        except asyncio.QueueFull:
            raise Closing(CloseCode.BAD_MESSAGE, "typed without waiting to be heard") from None

    def _control(self, message: dict[str, Any]) -> None:
        if not self._open.done():
            opening = decode_open(message)
            self.window = OutputWindow(opening.offset, OUTPUT_WINDOW)
            self.size = opening.size
            self._open.set_result(opening)
            return
        match message.get("type"):
            case "taken":
                self.window.take(decode_taken(message))
            case "resize":
                self.size = decode_size(message)
                self.resize()
            case "skip" | "redraw" as wish:
                self._wishes[wish] = None
                self._wished.set()
            case "keyboard":
                self.on_keyboard(decode_page(message))
            case "ping":
                self.post({"type": "pong", "id": message.get("id")})
            case "pong":
                pass
            case _:
                raise Closing(CloseCode.BAD_MESSAGE, "unknown type of message")

    def resize(self) -> None:
        """Have ``resized`` return the page's size: it changed, or it has become the one that counts."""
        self._resized.set()

    async def opening_within(self, seconds: float) -> Open:
        """Return the page's first message when it has come. Raises ``Closing`` when it does not come."""
        done, _ = await asyncio.wait({self._open}, timeout=seconds)
        if not done:
            raise Closing(CloseCode.SILENT, "Nothing was heard from the page.")
        return self._open.result()

    async def resized(self) -> Size:
        """Return the newest size when there is one that was not returned yet."""
        while True:
            await self._resized.wait()
            self._resized.clear()
            if self.size is not None:
                return self.size

    async def wish(self) -> str:
        """Return what the page wants done next, ``skip`` or ``redraw``; the same wish twice is one."""
        while not self._wishes:
            self._wished.clear()
            await self._wished.wait()
        wish = next(iter(self._wishes))
        del self._wishes[wish]
        return wish

    def post(self, message: dict[str, Any]) -> None:
        """Leave a small message for the page. Raises ``Closing`` when it has not read the last ones."""
        try:
            self._controls.put_nowait(message)
        except asyncio.QueueFull:
            raise Closing(CloseCode.SILENT, "the page does not read") from None

    async def post_all(self) -> NoReturn:
        """Send what ``post`` left, until cancelled."""
        while True:
            await self.say(await self._controls.get())

    async def say(self, message: dict[str, Any]) -> None:
        """Send a small message now."""
        await self._send(text_data=json.dumps(message, separators=(",", ":")))

    async def show(self, offset: int, data: bytes) -> None:
        """Send output, and count it."""
        await self._send(bytes_data=encode_output(offset, data))
        self.window.send(offset + len(data))
