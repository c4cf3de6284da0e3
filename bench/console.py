"""A keystroke's way through the whole product: browser's socket, console, sandboxd, shim, PTY, and back."""

from __future__ import annotations

import json
import re
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from websockets.sync.client import ClientConnection, connect

from bench.figures import Series
from bench.sandboxes import TEMPLATE

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.stack import Stack

OFFSET = struct.Struct("!Q")


class Installation(Protocol):
    """A console, and who may sign in."""

    @property
    def console_url(self) -> str:
        """Where it is."""

    @property
    def username(self) -> str:
        """The first user."""

    @property
    def password(self) -> str:
        """Theirs."""


def sign_in(stack: Installation) -> httpx.Client:
    """A browser's session of the first user."""
    browser = httpx.Client(base_url=stack.console_url, follow_redirects=True)
    form = {
        "login": stack.username,
        "password": stack.password,
        "csrfmiddlewaretoken": csrf_token(browser.get("/accounts/login/")),
    }
    page = browser.post("/accounts/login/", data=form, headers={"Referer": stack.console_url})
    assert "/accounts/login/" not in str(page.url), "the credentials of `make up` did not sign in"
    return browser


def csrf_token(page: httpx.Response) -> str:
    """The token of a page's first form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, "the page has no form"
    return found.group(1)


class Terminal:
    """A new shell of a sandbox, by the protocol of ``dashboard.terminals.protocol``."""

    def __init__(self, stack: Stack, browser: httpx.Client, sandbox: str) -> None:
        page = browser.get(f"/t/default/sandboxes/{sandbox}/terminal/")
        token = csrf_token(page)
        made = browser.post(
            f"/t/default/sandboxes/{sandbox}/terminal/new",
            headers={"X-CSRFToken": token, "Referer": stack.console_url},
        )
        address = f"/t/default/sandboxes/{sandbox}/terminal/{made.json()['id']}/socket"
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self._socket: ClientConnection = connect(
            f"ws://{urlsplit(stack.console_url).netloc}{address}",
            origin=stack.console_url,  # type: ignore[arg-type]
            additional_headers={"Cookie": cookies},
            max_size=None,
        )
        self._typed = 0
        opening = {"type": "open", "client": str(uuid4()), "offset": 0, "rows": 24, "cols": 80}
        self._socket.send(json.dumps(opening))
        self.read_until(b"# ")

    def type(self, data: bytes) -> None:
        """Send keystrokes."""
        self._socket.send(OFFSET.pack(self._typed) + data)
        self._typed += len(data)

    def read_until(self, wanted: bytes) -> bytes:
        """Output up to and with ``wanted``; acknowledges what it reads, as the page does."""
        seen = b""
        while wanted not in seen:
            message = self._socket.recv(timeout=30)
            if isinstance(message, bytes):
                seen += message[OFFSET.size :]
                end = OFFSET.unpack_from(message)[0] + len(message) - OFFSET.size
                self._socket.send(json.dumps({"type": "taken", "offset": end}))
        return seen

    def close(self) -> None:
        """Leave; the shell goes on."""
        self._socket.close()


def keystroke_echo(stack: Stack, client: SandboxClient, count: int = 300) -> Series:
    """From sending one key to its echo by the kernel's terminal, through every process of the product."""
    series = Series("keystroke echo through the console's WebSocket")
    with closing(sign_in(stack)) as browser, client.sandbox(TEMPLATE) as sandbox:
        terminal = Terminal(stack, browser, sandbox.name)
        terminal.type(b"stty -icanon; PS1=; cat >/dev/null\n")
        terminal.read_until(b"/dev/null\r\n")
        for _ in range(count):
            with series.measure():
                terminal.type(b"x")
                terminal.read_until(b"x")
        terminal.close()
    return series
