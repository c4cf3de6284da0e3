"""What a list declares of itself: columns, filters, where its rows come from, and what can be done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dashboard.lists import cells

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access

R = TypeVar("R")
SIZES = (25, 50, 100, 200)
DEFAULT_SIZE = 50


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: of the page, of a phone's stacked rows and of the CSV file.

    ``value`` gives what the CSV file has; ``show`` draws it. ``sort`` is the order's name for ``fetch``.
    """

    key: str
    label: str
    value: Callable[[R], Any]
    show: Callable[[Any, R, Access], str] = cells.text
    sort: str = ""
    descending: bool = False
    """Whether the first click on the heading sorts downwards, as for times."""
    end: bool = False
    """Whether cells stand at the end of their column, as numbers do."""
    main: bool = False
    """The one column whose cells lead to their rows' pages."""
    below: Callable[[R], str] | None = None
    """Of the main column: what stands below what leads there, and is no part of it."""
    classes: str = ""
    shown: bool = True
    """False for what only the CSV file has."""
    minor: bool = False
    """Whether it is left out where there is no room for all columns, and a row is not stacked."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What narrows a list: one value of several (``many`` False) or any of some."""

    key: str
    label: str
    choices: Callable[[Access], Awaitable[Sequence[Choice]]]
    many: bool = True
    closed: bool = False
    """Whether a value that is no choice is refused; else the address may have others."""


def fixed(*values: str | tuple[str, str]) -> Callable[[Access], Awaitable[Sequence[Choice]]]:
    """Choices that are always the same: values, or pairs of a value and what people read."""
    choices = [Choice(*value) if isinstance(value, tuple) else Choice(value, value.capitalize()) for value in values]

    async def give(access: Access) -> Sequence[Choice]:
        return choices

    return give


@dataclass(frozen=True, slots=True)
class Rows(Generic[R]):
    """One page of a list; ``total`` None where nobody counts so far."""

    items: Sequence[R]
    total: int | None


@dataclass(frozen=True, slots=True)
class Link:
    """A button that leads somewhere. With ``dialog`` its page's fragment opens in the dialog."""

    label: str
    icon: str
    href: str
    dialog: bool = False


@dataclass(frozen=True, slots=True)
class BulkAction(Generic[R]):
    """Something to do to many rows.

    ``work(access, key, choice)`` does it to one and returns what is worth telling of it, mostly nothing; it raises
    ``SandboxClientError``, and is safe to repeat. ``loses`` says what is lost by it.
    """

    name: str
    label: str
    icon: str
    permission: str
    done: str
    """What a row is afterwards: ``deleted``."""
    loses: str
    work: Callable[[Access, str, str], Awaitable[str]]
    danger: bool = False
    choices: tuple[Choice, ...] = ()
    """What to choose among before it begins; the first is proposed."""
    choices_label: str = ""


@dataclass(frozen=True, slots=True)
class Empty:
    """What stands in place of a list that has nothing yet: the next step, and the program that takes it."""

    icon: str
    title: str
    text: str
    snippet: Callable[[Access], str] | None = None


@dataclass(frozen=True, kw_only=True)
class ListSpec(Generic[R]):
    """One list. ``name`` is the name of its address and what else is made of it begins with that."""

    name: str
    section: str
    permission: str
    title: str
    noun: tuple[str, str]
    """One, and many: ``("sandbox", "sandboxes")``."""
    columns: tuple[Column[R], ...]
    fetch: Callable[[Access, Query], Awaitable[Rows[R]]]
    """One page. Raises ``SandboxClientError``."""
    walk: Callable[[Access, Query], AsyncIterator[R]] | None = None
    """Every row that the query lets through, in its order; page by page with ``fetch`` where there is none."""
    key: Callable[[R], str]
    """What names a row for good, also when its name changes."""
    label: Callable[[R], str]
    """What people call it."""
    href: Callable[[Access, R], str | None] = lambda access, row: None
    actions: Callable[[Access, R], Sequence[Link]] = lambda access, row: ()
    sort: str
    """The order where the address has none: a column's ``sort``, after ``-`` for descending."""
    filters: tuple[Filter, ...] = ()
    search: str = ""
    """What the search box says that it looks into; empty: there is no search."""
    bulk: tuple[BulkAction[R], ...] = ()
    empty: Empty
    create: Callable[[Access], Link | None] = lambda access: None
    live: str = ""
    """The kinds of events after which the list is asked for again."""
    every: int = 0
    """Milliseconds after which it is asked for again anyway, while it is visible; 0: never."""
    where: tuple[str, ...] = ()
    """Parts of its address beside the team, as ``query.where`` has them: for a list inside another page."""
    around: Callable[[HttpRequest, Access, Query, Mapping[str, Any]], Awaitable[HttpResponse]] | None = None
    """Draws the page that the list stands in, given its context; without, the list is a page of its own."""
    views: tuple[tuple[str, str], ...] = ()
    """Lists that are another look at the same: their titles and names, this one among them."""

    @property
    def shown(self) -> tuple[Column[R], ...]:
        """The columns of the page."""
        return tuple(column for column in self.columns if column.shown)

    def action(self, name: str) -> BulkAction[R]:
        """The bulk action of this name. Raises ``KeyError``."""
        return {each.name: each for each in self.bulk}[name]

    @property
    def sorts(self) -> Mapping[str, Column[R]]:
        """Columns by the name of their order."""
        return {column.sort: column for column in self.columns if column.sort}


REGISTRY: dict[str, ListSpec[Any]] = {}
"""Every list that has an address, by name; a bulk run finds its action here."""
