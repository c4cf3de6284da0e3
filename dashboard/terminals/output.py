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
SKIP_SECONDS = 2.0
"""A skip that takes longer is given up: what was held is shown."""
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
        """What came since the page asked to skip, from the last gap on; shown when the skip is done."""
        self._hold_until = 0.0
        self._coming: asyncio.Future[Event] | None = None
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> NoReturn:
        """Until cancelled. Raises ``Closing`` when the shell has ended."""
        try:
            while True:
                if not self._terminal.has_unread:
                    await self._line.window.room()
                event = await self._next()
                if event is not None:
                    await self._pass_on(event)
        finally:
            if self._coming is not None:
                self._coming.cancel()

    async def _pass_on(self, event: Event) -> None:
        if self._seat.skipping and not isinstance(event, Taken):
            await self._skip(event)
            return
        match event:
            case Skipped():  # of a skip that was given up
                pass
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
        """Hold what comes until the skip is done or given up. A gap takes the place of all that was held before it."""
        if not self._held:
            self._hold_until = self._clock() + SKIP_SECONDS
        match event:
            case Lost(_, end):
                self._held = [Lost(self._line.window.sent, end)]
            case Skipped():
                pass
            case _:
                self._held.append(event)
        if isinstance(event, Skipped | Ended) or self._clock() > self._hold_until:
            await self._end_skip()

    async def _end_skip(self) -> None:
        self._seat.skipping = False
        self._line.window.hurry(False)
        if self._held and isinstance(self._held[0], Lost):
            await self._pass_on(self._held.pop(0))
        await self._line.say({"type": "skipped"})
        self._terminal.unread(self._held)
        self._held = []

    async def _go_live(self, offset: int) -> None:
        self._seat.replaying = False
        await self._line.say({"type": "live", "offset": offset})

    async def _next(self) -> Event | None:
        """The shell's next event; None when none came for so long that something else was done instead."""
        patience = self._patience()
        if self._terminal.has_unread or (patience is None and self._coming is None):
            return await self._terminal.next()
        coming = self._coming = self._coming or asyncio.ensure_future(self._terminal.next())
        done, _ = await asyncio.wait({coming}, timeout=patience)
        if self._seat.replaying and self._seat.expected is None:
            if not done or self._line.window.sent - self._seat.start > REPLAY_BYTES:
                await self._go_live(self._line.window.sent)
        elif not done and self._held:
            await self._end_skip()
        if not done:
            return None
        self._coming = None
        return coming.result()

    def _patience(self) -> float | None:
        """Seconds that the shell's next event is waited for before the page is told something else; None for ever."""
        if self._seat.replaying and self._seat.expected is None:
            return REPLAY_PAUSE
        if self._held:
            return max(0.0, self._hold_until - self._clock())
        return None
