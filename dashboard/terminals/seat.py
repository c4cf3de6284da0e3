"""A page's place at a shell: who sits there, what they may do, and whether their terminal answers."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from dashboard.sockets import CloseCode, Closing
from dashboard.terminals.shells import SHELLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.terminals.access import Grant
    from dashboard.terminals.line import Line
    from dashboard.terminals.protocol import Open, Size


class Seat:
    """One connection's place. ``replaying`` is True while the end of the old output is not known yet."""

    def __init__(self, grant: Grant, opening: Open, line: Line) -> None:
        self._shell, remembered = SHELLS.get(grant.session.id)
        self._line = line
        self.client = opening.client
        self.person = grant.person
        self.name = grant.name
        self.may_type = grant.may_type
        self.number = 0
        self.start = opening.offset
        fresh = grant.session.started_at is None
        self.replaying = not fresh and not remembered
        self.typing, self._known = self._shell.typings.get(opening.client)
        self.expected: int | None = None
        """The next byte that this page is to type; None where the sandbox server does not number input."""
        self.skipping = False
        """True while output is passed over because the page asked."""
        self._changed = asyncio.Event()
        self._doubted = asyncio.Event()
        self._replaced: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.on_keyboard = lambda number: self._shell.move(self, number)

    def welcome(self, taken: int | None) -> dict[str, object]:
        """The message that answers ``open``; ``taken`` is what the server remembers of this page's typing."""
        self.expected = taken
        if taken is None and self._known:
            taken = self.typing.taken
        return {
            "type": "opened",
            "read_only": not self.may_type,
            "input": taken,
            "live": None if self.replaying else self._shell.answered,
            "you": self.number,
        }

    def types(self) -> bool:
        """The page types: whether it may."""
        return self._shell.types(self)

    @property
    def awaited(self) -> int:
        """The byte from which on the page's typing is still wanted."""
        return self.typing.taken if self.expected is None else self.expected

    @property
    def holds(self) -> bool:
        """Whether the page has the keyboard."""
        return self._shell.holder is self

    def resized(self, size: Size) -> None:
        """The shell has got this page's size."""
        self._shell.resized(size)

    def answer(self, on: bool, /) -> None:
        """Tell the page whether its terminal is the one that answers."""
        self._post({"type": "answer", "on": on})

    def look(self) -> None:
        """Have the page told who is there."""
        self._changed.set()

    def seat_size(self) -> None:
        """Have the shell given this page's size."""
        self._line.resize()

    def replaced(self) -> None:
        """Have this connection closed: its page has another."""
        if not self._replaced.done():
            self._replaced.set_result(None)

    def shown(self, offset: int) -> None:
        """Note what the page was sent: if it answers, nobody must answer that again."""
        if self._shell.answers(self):
            self._shell.answered = max(self._shell.answered, offset)

    def people(self) -> dict[str, Any]:
        """The message that says who is there."""
        shell = self._shell
        people = [
            {"id": page.number, "name": page.name, "you": page.person == self.person, "may_type": page.may_type}
            for page in shell.pages
        ]
        size = {"rows": shell.size.rows, "cols": shell.size.cols} if shell.size else {"rows": None, "cols": None}
        return {"type": "people", "people": people, "keyboard": shell.holder and shell.holder.number, **size}

    async def tell_people(self) -> NoReturn:
        """Tell the page who is there whenever that changes."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._line.say(self.people())

    def doubt(self) -> None:
        """Have this page ask again what it may do."""
        self._doubted.set()

    async def doubted_within(self, seconds: float) -> None:
        """Return when somebody has had this page ask again, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._doubted.wait()
        self._doubted.clear()

    async def until_replaced(self) -> NoReturn:
        """Raises ``Closing`` when the same page has another connection."""
        await asyncio.shield(self._replaced)
        raise Closing(CloseCode.TAKEN_OVER, "This page has another connection.")

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Sit down for as long as the connection lasts."""
        self._shell.enter(self)
        try:
            yield
        finally:
            self._shell.leave(self)

    def _post(self, message: dict[str, Any]) -> None:
        try:
            self._line.post(message)
        except Closing:  # the page reads nothing: its own pumps find out; who told it this must not fail
            self.replaced()
