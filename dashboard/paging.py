"""Pages of a list that the console's own database holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

M = TypeVar("M", bound="Model")
MAX_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page: its items, its number from 1, and the numbers of its neighbours where there are any."""

    items: list[M]
    number: int
    previous: int | None
    next: int | None


async def page_of(rows: QuerySet[M, Any], request: HttpRequest, size: int) -> Page[M]:
    """The page that the request asks for by ``?page=``; nonsense is the first. Reads one row more than it shows."""
    raw = request.GET.get("page", "1")
    sensible = raw.isascii() and raw.isdigit() and len(raw) <= MAX_DIGITS
    number = max(int(raw), 1) if sensible else 1
    start = (number - 1) * size
    items = [row async for row in rows[start : start + size + 1]]
    return Page(
        items[:size],
        number,
        number - 1 if number > 1 else None,
        number + 1 if len(items) > size else None,
    )
