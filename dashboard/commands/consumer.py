"""The socket between a command's page and its output: authorise, attach, send no faster than the page draws, close."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn

from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.commands.access import VIEW, admit
from dashboard.commands.attach import Ended, attach
from dashboard.commands.protocol import WINDOW, decode_open, decode_taken, encode_output
from dashboard.sockets import PING_SECONDS, RECHECK_SECONDS, CloseCode, Closing, first_of
from dashboard.terminals.protocol import decode_control
from dashboard.terminals.window import OutputWindow
from sandboxcore import Gap

if TYPE_CHECKING:
    from dashboard.commands.access import Grant
    from dashboard.commands.attach import Attached
    from dashboard.commands.protocol import Open

logger = logging.getLogger(__name__)
OPEN_SECONDS = 10.0
SILENT_SECONDS = 60.0


class OutputConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One page's look at one command. The command notices nothing of it."""

    action = VIEW

    async def connect(self) -> None:
        """Accept first, so that a refusal can say why, and serve beside the dispatch of messages."""
        await self.accept()
        self._opening: asyncio.Future[Open] = asyncio.get_running_loop().create_future()
        self._window = OutputWindow(0, WINDOW)
        self._heard = asyncio.Event()
        self._serving = asyncio.create_task(self._serve())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a message of the page; never wait, since the next one comes only after this returns."""
        try:
            self._take(decode_control(text_data or ""))
        except Closing as closing:
            self._serving.cancel()
            await self.close(closing.code, closing.reason)

    def _take(self, message: dict[str, Any]) -> None:
        self._heard.set()
        if not self._opening.done():
            self._opening.set_result(decode_open(message))
        elif message.get("type") == "taken":
            self._window.take(decode_taken(message))
        elif message.get("type") != "pong":
            raise Closing(CloseCode.BAD_MESSAGE, "unknown type of message")

    async def disconnect(self, code: int) -> None:
        """Let go of the command; it goes on."""
        self._serving.cancel()
        await asyncio.wait({self._serving})

    async def _serve(self) -> None:
        closing = Closing(CloseCode.UNREACHABLE, "The console failed; its log says why.")
        try:
            await self._pump(await admit(self.scope))
        except Closing as reason:
            closing = reason
        except Exception:  # the last resort of a task that nobody awaits: the page must not be left hanging
            logger.exception("the socket of a command failed")
        await self.close(closing.code, closing.reason)

    async def _pump(self, grant: Grant) -> NoReturn:
        done, _ = await asyncio.wait({self._opening}, timeout=OPEN_SECONDS)
        if not done:
            raise Closing(CloseCode.SILENT, "Nothing was heard from the page.")
        wanted = self._opening.result()
        where = (grant.access, grant.sandbox_name, grant.command_id)
        async with attach(*where, stdout=wanted.stdout, stderr=wanted.stderr) as command:
            await self._say(type="opened")
            await first_of(self._send_output(command), self._keep_alive(), self._recheck())
        raise AssertionError("a loop returned")

    async def _send_output(self, command: Attached) -> NoReturn:
        sent = 0
        while True:
            await self._window.room()
            match await command.next():
                case Gap() as gap:
                    await self._say(**{"type": "gap", "stream": gap.stream, "from": gap.start, "to": gap.end})
                case Ended(exit_code, reason):
                    await self._say(type="exit", exit_code=exit_code, reason=reason)
                    raise Closing(CloseCode.ENDED, "The command has ended.")
                case chunk:
                    message = encode_output(chunk)
                    sent += len(message)
                    await self.send(bytes_data=message)
                    self._window.send(sent)

    async def _keep_alive(self) -> NoReturn:
        clock = asyncio.get_running_loop().time
        last = clock()
        while clock() - last <= SILENT_SECONDS:
            self._heard.clear()
            await self._say(type="ping")
            await asyncio.sleep(PING_SECONDS)
            if self._heard.is_set():
                last = clock()
        raise Closing(CloseCode.SILENT, "Nothing was heard from the page.")

    async def _recheck(self) -> NoReturn:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await admit(self.scope)

    async def _say(self, **message: Any) -> None:
        await self.send(text_data=json.dumps(message, separators=(",", ":")))
