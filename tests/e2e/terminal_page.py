"""A terminal's page in a real browser, and what came over its sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dashboard.terminals.protocol import OFFSET
from tests.e2e.screen import WITHIN, Screen

if TYPE_CHECKING:
    from playwright.async_api import Page, WebSocket

    from tests.stack import Stack

# What the browser says by itself when a try to reconnect fails, a part of the page cannot be asked for, or a page is
# left while it asks for one.
NO_PROBLEMS = (
    "WebSocket connection to",
    "Failed to load resource: net::ERR_INTERNET_DISCONNECTED",
    "htmx:sendAbort,",
    "htmx:afterRequest,",
)


@dataclass
class Load:
    """Output frames that one load of the page received, over all its sockets."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    sockets: int = 0

    @property
    def first(self) -> int:
        """The offset of the first byte that came."""
        return self.frames[0][0] if self.frames else 0

    def whole(self) -> bytes:
        """The output from the first byte that came. Fails if a byte is missing, or came again as another.

        On one socket nothing comes twice. A socket that is being closed still receives what its page does not
        take any more, and the next one brings that again.
        """
        data = bytearray()
        first = self.first
        for place, piece in self.frames:
            offset = place - first
            again = len(data) - offset
            assert again >= 0, f"{len(data)} bytes came, then offset {offset}"
            assert again == 0 or self.sockets > 1
            assert data[offset : offset + len(piece)] == piece[:again]
            data += piece[again:]
        return bytes(data)


class TerminalPage(Screen):
    """A page of the console with its terminals."""

    def __init__(self, page: Page, stack: Stack) -> None:
        super().__init__(page)
        self.page = page
        self.stack = stack
        self.loads: list[Load] = []
        self.problems: list[str] = []
        self.asks_for_what_is_gone = False
        """Whether parts of the page may learn that there is no such sandbox any more."""
        page.on("websocket", self._socket)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self._complaint(message.text))

    def _socket(self, socket: WebSocket) -> None:
        if not socket.url.endswith("/socket") or not self.loads:
            return
        load = self.loads[-1]
        load.sockets += 1
        socket.on("framereceived", lambda payload: self._frame(load, payload))

    def _complaint(self, text: str) -> None:
        if self.asks_for_what_is_gone and "status of 404" in text:
            return
        if not text.startswith(NO_PROBLEMS):
            self.problems.append(text)

    def _frame(self, load: Load, payload: bytes | str) -> None:
        if isinstance(payload, bytes):
            load.frames.append((OFFSET.unpack_from(payload)[0], payload[OFFSET.size :]))

    async def sign_in(self) -> None:
        await self.page.goto(self.stack.console_url)
        await self.page.fill("input[name=login]", self.stack.username)
        await self.page.fill("input[name=password]", self.stack.password)
        await self.page.click("form button[type=submit]")
        await self.page.wait_for_url("**/t/**")
        self.team = self.page.url.split("/t/")[1].split("/")[0]

    async def open(self, sandbox: str) -> None:
        """Open the sandbox's terminal tab, as by its link, and wait for the prompt."""
        self.loads.append(Load())
        await self.page.goto(f"{self.stack.console_url}/t/{self.team}/sandboxes/{sandbox}/terminal/")
        await self.page.wait_for_url("**/terminal/*-*/")
        await self.until_state("connected")
        await self.until(lambda lines: any(line.endswith(("# ", "$ ", "#", "$")) for line in lines))

    async def reload(self) -> None:
        self.loads.append(Load())
        await self.page.reload()
        await self.until_state("connected")

    async def until_state(self, name: str) -> None:
        await self.page.wait_for_selector(f"[data-terminal-bar][data-state={name}]", timeout=WITHIN * 1000)

    async def status(self) -> str:
        return (await self.page.inner_text("[data-status-words]")).strip()
