"""The loops between a page and a shell. None of them ends well: each runs until cancelled or raises ``Closing``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from dashboard.sockets import PING_SECONDS, RECHECK_SECONDS, CloseCode, Closing
from dashboard.terminals.access import admit
from dashboard.terminals.actions import mark_ended
from dashboard.terminals.link import Ended, Lost, Output
from dashboard.terminals.shells import MissingInputError

if TYPE_CHECKING:
    from uuid import UUID

    from dashboard.terminals.line import Line
    from dashboard.terminals.link import Terminal
    from dashboard.terminals.seat import Seat

SILENT_SECONDS = 60.0
REPLAY_PAUSE = 0.1
"""Output that pauses for so many seconds has caught up with the shell."""
REPLAY_BYTES = 4 * 1024 * 1024
"""No replay is longer than the buffer that it comes from."""


async def pump_output(line: Line, terminal: Terminal, seat: Seat, session_id: UUID) -> NoReturn:
    """Shell to page. Stops reading the shell while the page has a window's worth of output to draw."""
    while True:
        await line.window.room()
        match await _next(line, terminal, seat):
            case Output(offset, data):
                await line.show(offset, data)
                seat.shown(line.window.sent)
            case Lost(start, end):
                line.window.skip(end)
                await line.say({"type": "gap", "from": start, "to": end})
            case Ended(exit_code, reason):
                await mark_ended(session_id, exit_code=exit_code)
                await line.say({"type": "exit", "exit_code": exit_code})
                # A shell that ended with its sandbox is not worth a new one.
                await terminal.check_sandbox()
                raise Closing(CloseCode.ENDED, reason)


async def _next(line: Line, terminal: Terminal, seat: Seat) -> Output | Lost | Ended:
    """The shell's next event; tells the page when the replay of old output has come to its end."""
    if not seat.replaying:
        return await terminal.next()
    coming = asyncio.ensure_future(terminal.next())
    try:
        done, _ = await asyncio.wait({coming}, timeout=REPLAY_PAUSE)
        if not done or line.window.sent - seat.start > REPLAY_BYTES:
            seat.replaying = False
            await line.say({"type": "live", "offset": line.window.sent})
        return await coming
    finally:
        coming.cancel()


async def pump_input(line: Line, terminal: Terminal, seat: Seat) -> NoReturn:
    """Page to shell, in order and each byte once. What a person who may only look types is dropped."""
    while True:
        offset, data = await line.typed.get()
        if not seat.may_type:
            continue
        try:
            taken = await seat.typing.deliver(offset, data, terminal.write)
        except MissingInputError as error:
            raise Closing(CloseCode.BAD_MESSAGE, str(error)) from error
        await line.say({"type": "taken", "offset": taken})


async def pump_sizes(line: Line, terminal: Terminal, seat: Seat) -> NoReturn:
    """The page's newest size to the shell."""
    while True:
        size = await line.resized()
        if seat.may_type:
            await terminal.resize(size)


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
        await asyncio.sleep(RECHECK_SECONDS)
        grant = await admit(scope)
        if grant.may_type != seat.may_type:
            raise Closing(CloseCode.RELOADING, "Your role has changed.")
