"""The loops between a page and a shell. None of them ends well: each runs until cancelled or raises ``Closing``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from dashboard.sockets import PING_SECONDS, RECHECK_SECONDS, CloseCode, Closing
from dashboard.terminals.access import admit
from dashboard.terminals.typing import MissingInputError

if TYPE_CHECKING:
    from dashboard.terminals.line import Line
    from dashboard.terminals.link import Terminal
    from dashboard.terminals.seat import Seat

SILENT_SECONDS = 60.0


async def pump_input(line: Line, terminal: Terminal, seat: Seat) -> NoReturn:
    """Page to shell, in order and each byte once. What a page types without the keyboard is dropped, and it is told."""
    while True:
        offset, data = await line.typed.get()
        if not seat.types() or (seat.expected is not None and offset > seat.expected):
            await line.say({"type": "refused", "offset": seat.awaited})
        elif seat.expected is None:
            await line.say({"type": "taken", "offset": await _deliver(seat, offset, data, terminal)})
        else:
            await terminal.type(offset, data)
            seat.expected = max(seat.expected, offset + len(data))
        line.typed.task_done()


async def _deliver(seat: Seat, offset: int, data: bytes, terminal: Terminal) -> int:
    """Type where the server does not number input; how much is taken now. Raises ``Closing``."""
    try:
        return await seat.typing.deliver(offset, data, terminal.write)
    except MissingInputError as error:
        raise Closing(CloseCode.BAD_MESSAGE, str(error)) from error


async def pump_sizes(line: Line, terminal: Terminal, seat: Seat) -> NoReturn:
    """The page's newest size to the shell, while it has the keyboard."""
    while True:
        size = await line.resized()
        if seat.holds:
            await terminal.resize(size)
            seat.resized(size)


async def pump_wishes(line: Line, terminal: Terminal, seat: Seat) -> NoReturn:
    """What the page wants done."""
    while True:
        wish = await line.wish()
        if wish == "skip" and seat.expected is None:
            line.post({"type": "skipped"})
        elif wish == "skip" and not seat.skipping:
            await line.typed.join()  # the key that stops the flood goes first
            seat.skipping = True
            line.window.hurry(True)
            await terminal.skip()
        elif wish == "redraw" and seat.holds and line.size is not None:
            await terminal.redraw(line.size)


async def keep_alive(line: Line) -> NoReturn:
    """Ping the page, and close a socket on which nothing was heard for ``SILENT_SECONDS``."""
    clock = asyncio.get_running_loop().time
    last = clock()
    for number in range(2**31):
        if line.heard.is_set():
            line.heard.clear()
            last = clock()
        if clock() - last > SILENT_SECONDS:
            break
        line.post({"type": "ping", "id": number})
        await asyncio.sleep(PING_SECONDS)
    raise Closing(CloseCode.SILENT, "Nothing was heard from the page.")


async def recheck(scope: dict[str, Any], seat: Seat) -> NoReturn:
    """Ask again whether the person may: a socket must not outlive a sign-out or a membership."""
    while True:
        await seat.doubted_within(RECHECK_SECONDS)
        grant = await admit(scope)
        if grant.may_type != seat.may_type:
            raise Closing(CloseCode.RELOADING, "Your role has changed.")
