"""Lists: one page of one, or item by item through all its pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sandboxcore.protocol import calls
from sandboxcore.protocol.lists import Walk, parameters, read_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from sandboxcore.client._async._http import AsyncHttp
    from sandboxcore.models import Page

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncList(Generic[T]):
    """One list of the server: where it is, under which name its items come, and how one is read."""

    http: AsyncHttp
    path: str
    key: str
    read: Callable[[dict[str, Any]], T]

    async def page(self, asked: Mapping[str, Any]) -> Page[T]:
        """What the server answers when it is asked so; without anything asked, the whole list."""
        query = parameters(asked)
        return read_page(await self.http.json(calls.get_list(self.path, query)), self.key, self.read, query)

    async def walk(self, asked: Mapping[str, Any], page_size: int | None) -> AsyncIterator[T]:
        """Every item, asking for the next page when it is needed."""
        way = Walk(asked, page_size)
        while not way.ended:
            answer = await self.http.json(calls.get_list(self.path, way.query()))
            for item in way.read(answer, self.key, self.read):
                yield item
