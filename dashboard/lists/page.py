"""The view of a list: its page, or its rows alone when htmx or a live update asks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.frame import answer
from dashboard.lists import cells
from dashboard.lists.bulk import runs_of
from dashboard.lists.query import Query
from dashboard.lists.spec import SIZES, Choice, Column, Filter, Link, ListSpec, R, Rows
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt
from dashboard.templatetags.console import icon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access, TeamView


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: where a click leads, and how the rows are sorted by it now (``aria-sort``)."""

    key: str
    label: str
    classes: str
    address: str = ""
    sorted: str = ""


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """One row, drawn."""

    key: str
    element_id: str
    label: str
    cells: SafeString


@dataclass(frozen=True, slots=True)
class DrawnFilter:
    """A filter, with its choices and whether each is chosen."""

    filter: Filter
    choices: Sequence[tuple[Choice, bool]]
    count: int


class ListPage(Generic[R]):
    """What the templates of a list are given."""

    def __init__(self, spec: ListSpec[R], access: Access, query: Query, found: Rows[R] | Problem) -> None:
        self.spec, self.query, self._access = spec, query, access
        self.problem = found if isinstance(found, Problem) else None
        items = [] if isinstance(found, Problem) else found.items
        self.total = None if isinstance(found, Problem) else found.total
        self.bulk = [action for action in spec.bulk if access.can(action.permission)]
        self.rows = [self._draw(item) for item in items]
        self._where = {"team": access.team.slug, **query.where}
        self.path = reverse(spec.name, kwargs=self._where)
        self.address = self.path + query.address(spec)
        self.create = spec.create(access)
        self.sizes = SIZES
        self.views = [
            (title, reverse(name, kwargs={"team": access.team.slug}), name == spec.name) for title, name in spec.views
        ]

    @property
    def headings(self) -> list[Heading]:
        """The headings of the columns."""
        return [self._heading(column) for column in self.spec.shown]

    @property
    def orders(self) -> list[tuple[str, str, bool]]:
        """What the list can be sorted by, where a phone shows no headings: value, words, and whether it is now."""
        return [
            (sign + name, f"{column.label} {arrow}", self.query.sort == sign + name)
            for name, column in self.spec.sorts.items()
            if column.shown
            for sign, arrow in (("", "↑"), ("-", "↓"))
        ]

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1."""
        return self.query.offset + 1

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.query.offset + len(self.rows)

    @property
    def noun(self) -> str:
        """What the rows are, of so many."""
        return self.spec.noun[0] if self.total == 1 else self.spec.noun[1]

    @property
    def previous(self) -> str:
        """The address of the page before, or nothing."""
        return self._at(self.query.page - 1) if self.query.page > 1 else ""

    @property
    def next(self) -> str:
        """The address of the page after, or nothing."""
        more = self.total > self.last if self.total is not None else len(self.rows) == self.query.size
        return self._at(self.query.page + 1) if more else ""

    @property
    def pages(self) -> int | None:
        """How many pages there are."""
        return None if self.total is None else max(1, -(-self.total // self.query.size))

    @property
    def last_page(self) -> str:
        """The address of the last page, or nothing where this is it or nobody knows."""
        return self._at(self.pages) if self.pages and self.query.page < self.pages else ""

    @property
    def first_page(self) -> str:
        """The address of the first page."""
        return self._at(1)

    @property
    def csv(self) -> str:
        """The address of the same rows as a file."""
        path = reverse(f"{self.spec.name}_csv", kwargs=self._where)
        return path + self.query.address(self.spec, page=1)

    @property
    def own_query(self) -> str:
        """What the address asks, without the page."""
        return self.query.address(self.spec, page=1)

    @property
    def bulk_address(self) -> str:
        """Where a selection is sent."""
        return reverse(f"{self.spec.name}_bulk", kwargs=self._where)

    @property
    def snippet(self) -> str:
        """The program that makes the first row."""
        return self.spec.empty.snippet(self._access) if self.spec.empty.snippet else ""

    def _at(self, page: int | None) -> str:
        return self.path + self.query.address(self.spec, page=page or 1)

    def _heading(self, column: Column[R]) -> Heading:
        classes = _classes(column)
        if not column.sort:
            return Heading(column.key, column.label, classes)
        falling = f"-{column.sort}"
        now = {column.sort: "ascending", falling: "descending"}.get(self.query.sort, "")
        following = {"ascending": falling, "descending": column.sort}.get(
            now, falling if column.descending else column.sort
        )
        address = self.path + self.query.address(self.spec, sort=following, page=1)
        return Heading(column.key, column.label, classes, address, now)

    def _draw(self, item: R) -> DrawnRow:
        key, label = self.spec.key(item), self.spec.label(item)
        href = self.spec.href(self._access, item)
        drawn = [_cell(column, item, self._access, href) for column in self.spec.shown]
        drawn.append(_actions(self.spec.actions(self._access, item), label))
        # Joined by hand: a row of ten cells is drawn two hundred times a page.
        return DrawnRow(key, element_id(key), cells.visible(label), mark_safe("".join(drawn)))  # noqa: S308 - each part is escaped


def element_id(key: str) -> str:
    """A row's ``id`` on the page, whatever letters its key has."""
    return f"row-{sha256(key.encode(errors='surrogatepass')).hexdigest()[:16]}"


def _classes(column: Column[Any]) -> str:
    named = ("text-end" if column.end else "", "list-minor" if column.minor else "", column.classes)
    return " ".join(filter(None, named))


def _cell(column: Column[R], item: R, access: Access, href: str | None) -> str:
    shown = column.show(column.value(item), item, access)
    classes = f"cell-name {_classes(column)}".strip() if column.main else _classes(column)
    if column.main:
        if href:
            shown = format_html('<a class="text-reset fw-medium" href="{}" data-row-link>{}</a>', href, shown)
        return format_html('<td class="{}">{}{}</td>', classes, shown, column.below(item) if column.below else "")
    return format_html('<td data-label="{}" class="{}">{}</td>', column.label, classes, shown)


def _actions(links: Sequence[Link], label: str) -> str:
    buttons = [
        format_html(
            '<a class="btn btn-sm btn-icon" href="{}"{} aria-label="{}: {}" title="{}">{}</a>',
            link.href,
            mark_safe(" data-dialog") if link.dialog else "",
            link.label,
            cells.visible(label),
            link.label,
            icon(link.icon),
        )
        for link in links
    ]
    return format_html(
        '<td class="row-actions"><div class="btn-list flex-nowrap justify-content-end">{}</div></td>',
        mark_safe("".join(buttons)),  # noqa: S308 - each is escaped
    )


async def read_rows(spec: ListSpec[R], access: Access, query: Query) -> tuple[Query, Rows[R] | Problem]:
    """The page that is asked for; the last one where it lies behind it."""
    found = await attempt(spec.fetch(access, query))
    if isinstance(found, Problem) or found.items or not found.total:
        return query, found
    query = replace(query, page=-(-found.total // query.size))
    return query, await attempt(spec.fetch(access, query))


async def draw_filters(spec: ListSpec[Any], access: Access, query: Query) -> list[DrawnFilter]:
    """The filters with their choices; where those cannot be had, with what the address has."""
    given = await asyncio.gather(*(attempt(each.choices(access)) for each in spec.filters))
    drawn = []
    for each, choices in zip(spec.filters, given, strict=True):
        known = [] if isinstance(choices, Problem) else list(choices)
        chosen = query.filters.get(each.key, ())
        values = {choice.value for choice in known}
        known += [Choice(value, value) for value in chosen if value not in values]
        drawn.append(DrawnFilter(each, [(choice, choice.value in chosen) for choice in known], len(chosen)))
    return drawn


def list_view(spec: ListSpec[R]) -> TeamView:
    """The view of this list."""

    @require(spec.permission)
    async def view(request: HttpRequest, access: Access, /, **where: str) -> HttpResponse:
        query = Query.read(spec, request.GET, where)
        partly = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx's middleware
        filters: Sequence[DrawnFilter] = ()
        if partly:
            query, found = await read_rows(spec, access, query)
        else:
            (query, found), filters = await asyncio.gather(
                read_rows(spec, access, query), draw_filters(spec, access, query)
            )
        page = ListPage(spec, access, query, found)
        context = {
            "section": spec.section,
            "list": page,
            "filters": filters,
            "runs": await runs_of(access, spec),
        }
        if spec.around and not partly:
            return await spec.around(request, access, query, context)
        response = await answer(request, access, "lists/page.html", context, fragment="lists/_results.html")
        if partly:
            name = _history(request, page)
            response.headers[name] = page.address
        return response

    return view


def _history(request: HttpRequest, page: ListPage[Any]) -> str:
    """The header that brings the address up to date: letters typed into the search box make one step back, not many."""
    now = request.htmx.current_url_abs_path or ""  # type: ignore[attr-defined]  # set by django_htmx's middleware
    typing = request.htmx.trigger == "q"  # type: ignore[attr-defined]
    return "HX-Replace-Url" if typing and "q=" in now and page.query.q else "HX-Push-Url"
