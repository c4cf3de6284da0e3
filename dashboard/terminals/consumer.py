"""The socket between a terminal's page and its shell.

A keystroke comes in at ``receive``, waits in the line's queue and is written to the shell by ``pump_input``; the
shell's output is read by ``pump_output`` no faster than the page draws it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.sockets import CloseCode, Closing, first_of
from dashboard.terminals import pumps
from dashboard.terminals.access import VIEW, admit
from dashboard.terminals.line import Line
from dashboard.terminals.link import open_terminal
from dashboard.terminals.output import OutputPump
from dashboard.terminals.seat import Seat

if TYPE_CHECKING:
    from dashboard.terminals.access import Grant

logger = logging.getLogger(__name__)
OPEN_SECONDS = 10.0


class TerminalConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Authorise, open the client's terminal, pump both ways, close both."""

    action = VIEW

    async def connect(self) -> None:
        """Accept first, so that a refusal can say why, and serve beside the dispatch of messages."""
        await self.accept()
        self._line = Line(self.send)
        self._serving = asyncio.create_task(self._serve())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand a message to the line; never wait, since the next one comes only after this returns."""
        try:
            self._line.receive(text_data, bytes_data)
        except Closing as closing:
            self._serving.cancel()
            await self.close(closing.code, closing.reason)

    async def disconnect(self, code: int) -> None:
        """Let go of the shell; it goes on."""
        self._serving.cancel()
        await asyncio.wait({self._serving})

    async def _serve(self) -> None:
        closing = Closing(CloseCode.UNREACHABLE, "The console failed; its log says why.")
        try:
            closing = await self._run()
        except Exception:  # the last resort of a task that nobody awaits: the page must not be left hanging
            logger.exception("terminal socket failed")
        await self.close(closing.code, closing.reason)

    async def _run(self) -> Closing:
        try:
            await self._pump(await admit(self.scope))
        except Closing as closing:
            return closing
        raise AssertionError("a terminal's pumps returned")

    async def _pump(self, grant: Grant) -> None:
        line = self._line
        opening = await line.opening_within(OPEN_SECONDS)
        async with open_terminal(grant, opening) as terminal:
            seat = Seat(grant, opening, line)
            with seat.taken():
                await line.say(seat.welcome(terminal.taken))
                await first_of(
                    line.post_all(),
                    OutputPump(line, terminal, seat, grant.session.id).run(),
                    pumps.pump_input(line, terminal, seat),
                    pumps.pump_sizes(line, terminal, seat),
                    pumps.pump_wishes(line, terminal, seat),
                    seat.tell_people(),
                    seat.until_replaced(),
                    pumps.keep_alive(line),
                    pumps.recheck(self.scope, seat),
                )
