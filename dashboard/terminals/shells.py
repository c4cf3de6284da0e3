"""The shells that pages of this process have open: who is there, who has the keyboard, whose terminal answers.

Everybody who may type may take the keyboard. Without asking it goes to the first who types while nobody has it, and
from one page of a person to another page of the same person. The shell has the size of the page that has it, and the
terminal of that page answers the questions in the output; while nobody has it, the newest page's that might.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from dashboard.terminals.typing import Typings

if TYPE_CHECKING:
    from uuid import UUID

    from dashboard.terminals.protocol import Size

MAX_SHELLS = 2048
"""Shells remembered with no page open, those seen last."""


class Page(Protocol):
    """A connected page, as a shell sees it."""

    client: str
    person: str
    """The same for every page of one person."""
    name: str
    may_type: bool
    number: int
    """Tells it from the shell's other pages; given by ``enter``."""

    def answer(self, on: bool, /) -> None:
        """Be told whether this page's terminal answers the questions in the output."""

    def look(self) -> None:
        """Be told that somebody came or left, that the keyboard moved, or that the size changed."""

    def seat_size(self) -> None:
        """Be told that the shell is to have this page's size."""

    def replaced(self) -> None:
        """Be told that the same page has another connection now."""

    def doubt(self) -> None:
        """Be told that it may no longer be allowed what it was."""


class Shell:
    """One shell and the pages that have it open."""

    def __init__(self) -> None:
        self.answered = 0
        """Output before this offset was drawn by a terminal that answered its questions."""
        self.typings = Typings()
        self.pages: list[Page] = []
        self.holder: Page | None = None
        self.size: Size | None = None
        self._answering: Page | None = None
        self._numbers = 0

    @property
    def idle(self) -> bool:
        """Whether no page is connected."""
        return not self.pages

    def enter(self, page: Page) -> None:
        """Let a page in; it gets the keyboard where nobody else has it."""
        for other in self.pages:
            if other.client == page.client and other.person == page.person:
                other.replaced()
        self._numbers += 1
        page.number = self._numbers
        self.pages.append(page)
        if self.may_have(page):
            self._give(page)
        self._tell()

    def leave(self, page: Page) -> None:
        """Let a page go; the keyboard stays free until somebody types."""
        self.pages.remove(page)
        if self.holder is page:
            same = [other for other in self.pages if other.may_type and other.person == page.person]
            self.holder = same[-1] if same else None
            if self.holder is not None:
                self.holder.seat_size()
        self._tell()

    def may_have(self, page: Page) -> bool:
        """Whether the page has the keyboard, or gets it without taking it from another person."""
        return page.may_type and (self.holder is None or self.holder.person == page.person)

    def types(self, page: Page) -> bool:
        """The page types: whether it may, having the keyboard from now on."""
        if self.holder is page:
            return True
        if not self.may_have(page):
            return False
        self._give(page)
        self._tell()
        return True

    def move(self, page: Page, number: int) -> None:
        """``page`` takes the keyboard or, having it, hands it to the page with this number."""
        to = next((other for other in self.pages if other.number == number), None)
        if to is None or not to.may_type or not page.may_type:
            return
        if to is page or self.holder is page:
            self._give(to)
            self._tell()

    def doubt(self) -> None:
        """Have every page ask again what it may do."""
        for page in self.pages:
            page.doubt()

    def resized(self, size: Size) -> None:
        """The shell has this size now."""
        if size != self.size:
            self.size = size
            self._tell()

    def answers(self, page: Page) -> bool:
        """Whether this page is the one that answers."""
        return self._answering is page

    def _give(self, page: Page) -> None:
        self.holder = page
        page.seat_size()

    def _tell(self) -> None:
        writers = [page for page in self.pages if page.may_type]
        answering = self.holder or (writers[-1] if writers else None)
        if answering is not self._answering:
            if self._answering in self.pages and self._answering is not None:
                self._answering.answer(False)
            self._answering = answering
            if answering is not None:
                answering.answer(True)
        for page in self.pages:
            page.look()


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

    def doubt(self, session_id: UUID) -> None:
        """Have the pages that look at a shell ask again what they may do."""
        if session_id in self._shells:
            self._shells[session_id].doubt()

    def _forget_one(self) -> None:
        for session_id, shell in self._shells.items():
            if shell.idle:
                del self._shells[session_id]
                return


SHELLS = Shells()
