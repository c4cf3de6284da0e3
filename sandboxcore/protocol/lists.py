"""What may be asked of a list, as parameters of its request, and what its answer says beside the items."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from sandboxcore.errors import ExtensionUnsupportedError, InvalidResponseError
from sandboxcore.fields import Fields
from sandboxcore.models import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Choice = str | Sequence[str]
    Moment = str | datetime

T = TypeVar("T")
PAGE_SIZE = 100


class Selection(TypedDict, total=False):
    """What every list can be asked for: ``sort`` is a field, after ``-`` for descending; ``q`` is searched for.

    ``include="usage"`` has each item tell what is used beside what there is, where the list knows that.
    """

    sort: str | None
    q: str | None
    created_by: Choice | None
    include: str | None


class SandboxSelection(Selection, total=False):
    """Which sandboxes; several values of one filter mean any of them."""

    status: Choice | None
    template: Choice | None
    pool: Choice | None
    created_after: Moment | None
    created_before: Moment | None


class TemplateSelection(Selection, total=False):
    """Which templates."""

    image: Choice | None
    volume: Choice | None


class VolumeSelection(Selection, total=False):
    """Which volumes."""

    status: Choice | None
    in_use: bool | None


class PoolSelection(Selection, total=False):
    """Which pools."""

    template: Choice | None


class CommandSelection(TypedDict, total=False):
    """Which commands of a sandbox; ``sort`` and ``q`` are those of every list."""

    sort: str | None
    q: str | None
    status: Choice | None
    origin: Choice | None
    actor: Choice | None
    started_after: Moment | None
    started_before: Moment | None


class HistorySelection(Selection, total=False):
    """Which ended sandboxes, by what held at their end."""

    name: Choice | None
    template: Choice | None
    pool: Choice | None
    stop_reason: Choice | None
    ended_by: Choice | None


def parameters(asked: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The query of a request: what is None is left out."""
    return {name: _parameter(value) for name, value in asked.items() if value is not None}


def written(**values: Any) -> dict[str, Any]:
    """The body of a request: what is None is left out, and moments are text."""
    return {name: _moment(value) for name, value in values.items() if value is not None}


def _moment(value: Any) -> Any:
    # Without a zone it is local, as everywhere in Python; the server would take it for UTC.
    return value.astimezone().isoformat() if isinstance(value, datetime) else value


def _parameter(value: Any) -> str | list[str]:
    if isinstance(value, bool):
        return "true" if value else "false"
    value = _moment(value)
    if isinstance(value, str | int | float):
        return str(value)
    return [str(each) for each in value]


def read_page(
    answer: Mapping[str, Any], key: str, read: Callable[[dict[str, Any]], T], asked: Mapping[str, Any]
) -> Page[T]:
    """The items of a list's answer; ``asked`` are the parameters that it answers.

    Raises ``ExtensionUnsupportedError`` where the server did not heed them, and ``InvalidResponseError``.
    """
    fields = Fields(answer, "list")
    if asked and "next_cursor" not in answer:
        raise ExtensionUnsupportedError(
            f"the server lists its {key} only whole: it does not know {', '.join(sorted(asked))}", extension="lists"
        )
    items = [read(each) for each in fields.objects(key)]
    return Page(items, total=fields.optional_integer("total"), next_cursor=fields.optional_text("next_cursor"))


class Walk:
    """The way through a list, page by page."""

    def __init__(self, asked: Mapping[str, Any], page_size: int | None) -> None:
        self._chosen = parameters(asked)
        # A cursor remembers which rows were asked for and in which order, not what each is to tell.
        self._with_each = {name: self._chosen[name] for name in ("include",) if name in self._chosen}
        self._size = str(page_size or PAGE_SIZE)
        self._cursor: str | None = None
        self.ended = False

    def query(self) -> dict[str, str | list[str]]:
        """The next request's."""
        more: dict[str, str | list[str]] = {"limit": self._size, "total": "false"}
        return {**self._chosen, **more} if self._cursor is None else {"cursor": self._cursor, **self._with_each, **more}

    def read(self, answer: Mapping[str, Any], key: str, read: Callable[[dict[str, Any]], T]) -> Page[T]:
        """The next items. A server that gives the whole list unasked is fine where the whole list was wanted.

        Raises ``ExtensionUnsupportedError`` and ``InvalidResponseError``.
        """
        found = read_page(answer, key, read, self._chosen)
        self.ended = found.next_cursor is None
        if not self.ended and found.next_cursor == self._cursor:
            raise InvalidResponseError("list: the server gives the same page for ever", field="next_cursor")
        self._cursor = found.next_cursor
        return found
