"""A page in Chromium that tells only what it is asked.

Playwright is told of every frame that any of a page's sockets receives. Under a flood of output those reports pile up
before it: its answers come late by as much, and at last what it sees is not the page but the pile. This one speaks the
DevTools protocol with no domain switched on, so that nothing comes but answers.
(https://chromedevtools.github.io/devtools-protocol/)
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from websockets.asyncio.client import connect

from tests.chromium import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from websockets.asyncio.client import ClientConnection

START_SECONDS = 60
ANSWER_SECONDS = 60
_KEYS: dict[str, dict[str, Any]] = {
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Control+c": {"key": "c", "code": "KeyC", "windowsVirtualKeyCode": 67, "modifiers": 2},
}


class Keyboard(Protocol):
    """What is needed of a page's keyboard: Playwright's has it too."""

    async def insert_text(self, text: str) -> None: ...
    async def press(self, key: str) -> None: ...


class QuietPage:
    """One page, used as Playwright's is."""

    def __init__(self, wire: _Wire, session: str) -> None:
        self._wire = wire
        self._session = session

    @property
    def keyboard(self) -> Keyboard:
        """Its keys."""
        return self

    async def goto(self, address: str) -> None:
        """Open an address and wait until all of it is loaded."""
        await self._ask("Page.navigate", url=address)
        async with asyncio.timeout(START_SECONDS):
            while not await self._is_at(address):
                await asyncio.sleep(0.05)

    async def _is_at(self, address: str) -> bool:
        return bool(
            await self.evaluate("(url) => document.readyState === 'complete' && location.href === url", address)
        )

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        """The value of an expression, or of a function called with ``argument``. Raises ``QuietPageError``."""
        is_function = script.lstrip().startswith(("(", "async (")) and "=>" in script
        expression = f"({script})({json.dumps(argument)})" if is_function else script
        answer = await self._run(expression)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            raise QuietPageError(f"{script}: {thrown.get('exception', {}).get('description', thrown['text'])}")
        return answer["result"].get("value")

    async def _run(self, expression: str) -> dict[str, Any]:
        fields = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                try:
                    return await self._ask("Runtime.evaluate", **fields)
                except QuietPageError as error:
                    # Between two documents there is nobody to ask, and nothing was run.
                    if "Cannot find default execution context" not in str(error):
                        raise
                await asyncio.sleep(0.05)

    async def insert_text(self, text: str) -> None:
        """Type a text at once."""
        await self._ask("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press and release one of the keys that are known here."""
        fields = _KEYS[key]
        await self._ask("Input.dispatchKeyEvent", type="keyDown" if "text" in fields else "rawKeyDown", **fields)
        await self._ask("Input.dispatchKeyEvent", type="keyUp", **{**fields, "text": ""})

    async def _ask(self, method: str, **fields: Any) -> dict[str, Any]:
        return await self._wire.ask(method, fields, self._session)


class QuietPageError(Exception):
    """The page, or its browser, refused."""


class _Wire:
    """Questions to a browser, and its answers."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        """Hand out answers until the browser goes."""
        async for text in self._connection:
            message = json.loads(text)
            waiting = self._waiting.pop(message.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def ask(self, method: str, fields: Mapping[str, Any], session: str | None = None) -> dict[str, Any]:
        """One answer. Raises ``QuietPageError`` or ``TimeoutError``."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        question = {"id": number, "method": method, "params": fields}
        await self._connection.send(json.dumps({**question, "sessionId": session} if session else question))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                message = await answer
        except TimeoutError:
            raise TimeoutError(f"no answer to {method} within {ANSWER_SECONDS} seconds") from None
        if "error" in message:
            raise QuietPageError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result


@asynccontextmanager
async def quiet_page(cookies: Iterable[Mapping[str, Any]]) -> AsyncIterator[QuietPage]:
    """A page with these cookies, as Playwright gives them, in a browser of its own."""
    with tempfile.TemporaryDirectory(prefix="quiet-", ignore_cleanup_errors=True) as folder:
        browser = await asyncio.create_subprocess_exec(
            CHROMIUM["executable_path"],
            *CHROMIUM["args"],
            "--headless",
            "--remote-debugging-port=0",
            "--window-size=1200,800",
            f"--user-data-dir={folder}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with connect(await _address(Path(folder)), max_size=None) as connection:
                wire = _Wire(connection)
                reading = asyncio.create_task(wire.read())
                try:
                    yield await _new_page(wire, cookies)
                finally:
                    reading.cancel()
        finally:
            browser.terminate()
            await browser.wait()


async def _new_page(wire: _Wire, cookies: Iterable[Mapping[str, Any]]) -> QuietPage:
    await wire.ask("Storage.setCookies", {"cookies": [dict(cookie) for cookie in cookies]})
    target = await wire.ask("Target.createTarget", {"url": "about:blank"})
    attached = await wire.ask("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
    session: str = attached["sessionId"]
    await wire.ask("Emulation.setFocusEmulationEnabled", {"enabled": True}, session)
    return QuietPage(wire, session)


async def _address(folder: Path) -> str:
    """Where the browser listens: it writes a port and a path once it does."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(OSError, ValueError):
                port, path = (folder / "DevToolsActivePort").read_text().split()
                return f"ws://127.0.0.1:{port}{path}"
            await asyncio.sleep(0.05)
