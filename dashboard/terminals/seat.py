"""A page's place at a shell: what it may do there, and whether its terminal answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dashboard.terminals.shells import SHELLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.terminals.access import Grant
    from dashboard.terminals.line import Line
    from dashboard.terminals.protocol import Open


class Seat:
    """One connection's place. ``replaying`` is True while the end of the old output is not known yet."""

    def __init__(self, grant: Grant, opening: Open, line: Line) -> None:
        self._shell, remembered = SHELLS.get(grant.session.id)
        self._line = line
        self.start = opening.offset
        self.may_type = grant.may_type
        fresh = grant.session.started_at is None
        self.replaying = not fresh and not remembered
        self._known = self._shell.known(opening.client)
        self.typing = self._shell.typing(opening.client)

    def welcome(self) -> dict[str, object]:
        """The message that answers ``open``."""
        return {
            "type": "opened",
            "read_only": not self.may_type,
            "input": self.typing.taken if self._known else None,
            "live": None if self.replaying else self._shell.answered,
        }

    def answer(self, on: bool, /) -> None:
        """Tell the page whether its terminal is the one that answers."""
        self._line.post({"type": "answer", "on": on})

    def shown(self, offset: int) -> None:
        """Note what the page was sent: if it answers, nobody must answer that again."""
        if self._shell.answers(self):
            self._shell.answered = max(self._shell.answered, offset)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Sit down for as long as the connection lasts. Who may only look never answers."""
        if not self.may_type:
            yield
            return
        self._shell.enter(self)
        try:
            yield
        finally:
            self._shell.leave(self)
