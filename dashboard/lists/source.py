"""Rows that the console's own database holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from dashboard.lists.spec import Rows

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from dashboard.lists.query import Query

M = TypeVar("M", bound="Model")
COUNTED = 100_000
"""Nobody counts beyond."""


async def rows_of(found: QuerySet[M, Any], query: Query) -> Rows[M]:
    """The page of an ordered query set that is asked for."""
    counted = await found.order_by()[: COUNTED + 1].acount()
    items = [row async for row in found[query.offset : query.offset + query.size]]
    return Rows(items, counted if counted <= COUNTED else None)
