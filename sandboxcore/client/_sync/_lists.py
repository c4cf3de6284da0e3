# Generated from sandboxcore/client/_async/_lists.py by tools/unasync.py: change that file, then run this tool.
"""Lists: one page of one, or item by item through all its pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sandboxcore.protocol.lists import Walk, parameters, read_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandboxcore.client._sync._http import Http
    from sandboxcore.models import Page
    from sandboxcore.protocol.calls import Call

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class List(Generic[T]):
    """One list of the server: how it is called, under which name its items come, and how one is read."""

    http: Http
    call: Call
    key: str
    read: Callable[[dict[str, Any]], T]

    def page(self, asked: Mapping[str, Any]) -> Page[T]:
        """What the server answers when it is asked so; without anything asked, the whole list."""
        query = parameters(asked)
        return read_page(self._ask(query), self.key, self.read, query)

    def numbered(self, asked: Mapping[str, Any]) -> Page[T]:
        """The same of a list that goes by ``offset`` and has no cursors."""
        return read_page(self._ask(parameters(asked)), self.key, self.read, {})

    def walk(self, asked: Mapping[str, Any], page_size: int | None) -> Iterator[T]:
        """Every item, asking for the next page when it is needed."""
        way = Walk(asked, page_size)
        while not way.ended:
            for item in way.read(self._ask(way.query()), self.key, self.read):
                yield item

    def _ask(self, query: Mapping[str, str | list[str]]) -> dict[str, Any]:
        return self.http.json(replace(self.call, params=query or None))
