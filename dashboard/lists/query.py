"""The state of a list, which is all in its address: search, filters, order, page and size of a page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dashboard.lists.spec import DEFAULT_SIZE, SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import QueryDict

    from dashboard.lists.spec import ListSpec

MAX_SEARCH = 100
MAX_VALUES = 50
MAX_VALUE = 200
MAX_OFFSET = 1_000_000
"""The API leaves out no more."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a list. ``filters`` has no empty values."""

    sort: str
    q: str = ""
    page: int = 1
    size: int = DEFAULT_SIZE
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    """The parts of the list's address beside the team."""

    @classmethod
    def read(cls, spec: ListSpec[Any], given: QueryDict, where: Mapping[str, str] | None = None) -> Query:
        """The query of an address. What makes no sense is as if it were not there."""
        size = _number(given.get("size", ""), DEFAULT_SIZE)
        size = size if size in SIZES else DEFAULT_SIZE
        sort = given.get("sort", "")
        return cls(
            where=dict(where or {}),
            sort=sort if sort.removeprefix("-") in spec.sorts else spec.sort,
            q=given.get("q", "").strip().replace("\0", "")[:MAX_SEARCH] if spec.search else "",
            page=max(1, min(_number(given.get("page", ""), 1), MAX_OFFSET // size)),
            size=size,
            filters={
                each.key: values
                for each in spec.filters
                if (values := _values(given.getlist(each.key), MAX_VALUES if each.many else 1))
            },
        )

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.page - 1) * self.size

    @property
    def narrowed(self) -> bool:
        """Whether something is left out."""
        return bool(self.q or self.filters)

    def values(self, key: str) -> list[str] | None:
        """A filter's values as the SDK takes them: None where it is not set."""
        return list(self.filters.get(key, ())) or None

    def address(self, spec: ListSpec[Any], **changes: Any) -> str:
        """The part of an address after its path, from ``?`` on, without what goes without saying."""
        asked = replace(self, **changes)
        pairs: list[tuple[str, str]] = [("q", asked.q)] if asked.q else []
        pairs += [(key, value) for key, values in asked.filters.items() for value in values]
        if asked.sort != spec.sort:
            pairs.append(("sort", asked.sort))
        if asked.size != DEFAULT_SIZE:
            pairs.append(("size", str(asked.size)))
        if asked.page != 1:
            pairs.append(("page", str(asked.page)))
        return "?" + urlencode(pairs)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 8 else otherwise


def _values(given: list[str], most: int) -> tuple[str, ...]:
    wanted = (value.strip().replace("\0", "")[:MAX_VALUE] for value in given)
    return tuple(dict.fromkeys(value for value in wanted if value))[:most]
