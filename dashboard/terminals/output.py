"""The loop from a shell to a page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from dashboard.sockets import CloseCode, Closing
from dashboard.terminals.actions import mark_ended
from dashboard.terminals.events import Ended, Lost, Modes, Output, Skipped, Taken

if TYPE_CHECKING:
    from uuid import UUID

    from dashboard.terminals.events import Event
    from dashboard.terminals.line import Line
    from dashboard.terminals.link import Terminal
    from dashboard.terminals.seat import Seat

REPLAY_PAUSE = 0.1
"""Output of a server that does not tell its end: after a pause of so many seconds it has caught up with the shell."""
REPLAY_BYTES = 4 * 1024 * 1024
"""No replay is longer than the buffer that it comes from."""


class OutputPump:
    """Shell to page. Stops reading the shell while the page has a window's worth of output to draw."""

    def __init__(self, line: Line, terminal: Terminal, seat: Seat, session_id: UUID) -> None:
        self._line = line
        self._terminal = terminal
        self._seat = seat
        self._session_id = session_id
        self._held: list[Event] = []
        """What came since the page asked to skip: shown after all if the server had nothing to skip."""
        self._jumped = False

    async def run(self) -> NoReturn:
        """Until cancelled. Raises ``Closing`` when the shell has ended."""
        while True:
            if not self._terminal.has_unread:
                await self._line.window.room()
            await self._pass_on(await self._next())

    async def _pass_on(self, event: Event) -> None:
        if self._seat.skipping and not isinstance(event, Taken | Ended):
            await self._skip(event)
            return
        match event:
            case Output(offset, data):
                await self._line.window.room()
                await self._line.show(offset, data)
                self._seat.shown(self._line.window.sent)
            case Lost(start, end):
                self._line.window.skip(end)
                await self._line.say({"type": "gap", "from": start, "to": end})
            case Modes(sequence, end):
                await self._line.say({"type": "modes", "sequence": sequence})
                if self._seat.replaying:
                    await self._go_live(end)
            case Taken(offset):
                await self._line.say({"type": "taken", "offset": offset})
            case Ended(exit_code, reason):
                await mark_ended(self._session_id, exit_code=exit_code)
                await self._line.say({"type": "exit", "exit_code": exit_code})
                # A shell that ended with its sandbox is not worth a new one.
                await self._terminal.check_sandbox()
                raise Closing(CloseCode.ENDED, reason)

    async def _skip(self, event: Event) -> None:
        """Hold what comes until the skip is done, then tell of the gap, or of what was held if there is none."""
        if isinstance(event, Lost):
            self._held.clear()
            self._jumped = True
        elif not isinstance(event, Skipped):
            self._held.append(event)
        else:
            self._seat.skipping = False
            if self._jumped:
                start, end = self._line.window.sent, self._start_of_held(event.offset)
                self._held.insert(0, Lost(start, end))
            self._line.window.hurry(False)
            self._terminal.unread(self._held)
            self._held, self._jumped = [], False

    def _start_of_held(self, otherwise: int) -> int:
        return next((event.offset for event in self._held if isinstance(event, Output)), otherwise)

    async def _go_live(self, offset: int) -> None:
        self._seat.replaying = False
        await self._line.say({"type": "live", "offset": offset})

    async def _next(self) -> Event:
        """The shell's next event; tells the page when the replay of old output has come to its end."""
        if not self._seat.replaying:
            return await self._terminal.next()
        coming = asyncio.ensure_future(self._terminal.next())
        try:
            done, _ = await asyncio.wait({coming}, timeout=REPLAY_PAUSE)
            if self._seat.expected is None and (not done or self._line.window.sent - self._seat.start > REPLAY_BYTES):
                await self._go_live(self._line.window.sent)
            return await coming
        finally:
            coming.cancel()
