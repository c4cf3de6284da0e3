"""How much of a page's typing was taken, where the sandbox server does not remember it.

Our own server numbers input down to the shell's session, which outlives every restart. For a server of another make
this process remembers, so that at least a connection that drops repeats nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_CLIENTS = 64
"""Pages remembered a shell, those seen last."""


class MissingInputError(ValueError):
    """A page sent typing without what comes before it."""


@dataclass(slots=True)
class Typing:
    """How much of one page's typing was taken. Held by every connection of that page, old and new."""

    taken: int
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def deliver(self, offset: int, data: bytes, write: Callable[[bytes], Awaitable[None]]) -> int:
        """Write what is new in ``data`` and return how much is taken now. Raises ``MissingInputError``.

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


class Typings:
    """The typing of a shell's pages."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Typing] = OrderedDict()

    def get(self, client: str) -> tuple[Typing, bool]:
        """The page's typing, and whether it was remembered."""
        known = client in self._of
        typing = self._of.setdefault(client, Typing(0))
        self._of.move_to_end(client)
        while len(self._of) > MAX_CLIENTS:
            self._of.popitem(last=False)
        return typing, known
