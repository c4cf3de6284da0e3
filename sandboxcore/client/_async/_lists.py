"""Lists: one page of one, or item by item through all its pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sandboxcore.protocol.lists import Walk, parameters, read_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from sandboxcore.client._async._http import AsyncHttp
    from sandboxcore.models import Page
    from sandboxcore.protocol.calls import Call

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncList(Generic[T]):
    """One list of the server: how it is called, under which name its items come, and how one is read."""

    http: AsyncHttp
    call: Call
    key: str
    read: Callable[[dict[str, Any]], T]

    async def page(self, asked: Mapping[str, Any]) -> Page[T]:
        """What the server answers when it is asked so; without anything asked, the whole list."""
        query = parameters(asked)
        return read_page(await self._ask(query), self.key, self.read, query)

    async def numbered(self, asked: Mapping[str, Any]) -> Page[T]:
        """The same of a list that goes by ``offset`` and has no cursors."""
        return read_page(await self._ask(parameters(asked)), self.key, self.read, {})

    async def walk(self, asked: Mapping[str, Any], page_size: int | None) -> AsyncIterator[T]:
        """Every item, asking for the next page when it is needed."""
        way = Walk(asked, page_size)
        while not way.ended:
            for item in way.read(await self._ask(way.query()), self.key, self.read):
                yield item

    async def _ask(self, query: Mapping[str, str | list[str]]) -> dict[str, Any]:
        return await self.http.json(replace(self.call, params=query or None))
