"""What this process remembers of each shell across the connections of its pages.

Two things must outlive a connection that drops: how much of a page's typing was taken, so that a retry types
nothing twice, and which output a terminal has already answered, so that a replay answers nothing twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

MAX_CLIENTS = 64
"""Pages remembered a shell, those seen last."""
MAX_SHELLS = 2048
"""Shells remembered with no page open, those seen last."""


class Page(Protocol):
    """A connected page that may type."""

    def answer(self, on: bool, /) -> None:
        """Be told whether this page's terminal answers the questions in the output."""


@dataclass(slots=True)
class Typing:
    """How much of one page's typing was taken. Held by every connection of that page, old and new."""

    taken: int
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def deliver(self, offset: int, data: bytes, write: Callable[[bytes], Awaitable[None]]) -> int:
        """Write what is new in ``data`` and return how much is taken now.

        One connection at a time, and a write that has begun is finished even when its connection ends, so that
        what follows on the next connection neither overtakes nor repeats it.
        """
        return await asyncio.shield(asyncio.ensure_future(self._deliver(offset, data, write)))

    async def _deliver(self, offset: int, data: bytes, write: Callable[[bytes], Awaitable[None]]) -> int:
        async with self._turn:
            if offset > self.taken:
                raise MissingInputError(f"typing jumps from {self.taken} to {offset}")
            fresh = data[self.taken - offset :]
            if fresh:
                await write(fresh)
                self.taken += len(fresh)
            return self.taken


class MissingInputError(ValueError):
    """A page sent typing without what comes before it."""


class Shell:
    """One shell: its pages' typing, and who answers."""

    def __init__(self) -> None:
        self.answered = 0
        """Output before this offset was drawn by a terminal that answered its questions."""
        self._typing: OrderedDict[str, Typing] = OrderedDict()
        self._pages: list[Page] = []

    @property
    def idle(self) -> bool:
        """Whether no page that may type is connected."""
        return not self._pages

    def known(self, client: str) -> bool:
        """Whether the page's typing is remembered."""
        return client in self._typing

    def typing(self, client: str) -> Typing:
        """The page's typing, remembered or begun."""
        typing = self._typing.setdefault(client, Typing(0))
        self._typing.move_to_end(client)
        while len(self._typing) > MAX_CLIENTS:
            self._typing.popitem(last=False)
        return typing

    def enter(self, page: Page) -> None:
        """Let the page answer, in place of whoever did."""
        if self._pages:
            self._pages[-1].answer(False)
        self._pages.append(page)
        page.answer(True)

    def leave(self, page: Page) -> None:
        """Let the page that came before answer again."""
        was_last = self._pages[-1] is page
        self._pages.remove(page)
        if was_last and self._pages:
            self._pages[-1].answer(True)

    def answers(self, page: Page) -> bool:
        """Whether this page is the one that answers."""
        return bool(self._pages) and self._pages[-1] is page


class Shells:
    """Every shell that this process remembers."""

    def __init__(self) -> None:
        self._shells: OrderedDict[UUID, Shell] = OrderedDict()

    def get(self, session_id: UUID) -> tuple[Shell, bool]:
        """The shell, and whether it was remembered."""
        known = session_id in self._shells
        shell = self._shells.setdefault(session_id, Shell())
        self._shells.move_to_end(session_id)
        if len(self._shells) > MAX_SHELLS:
            self._forget_one()
        return shell, known

    def _forget_one(self) -> None:
        for session_id, shell in self._shells.items():
            if shell.idle:
                del self._shells[session_id]
                return


SHELLS = Shells()
