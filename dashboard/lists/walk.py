"""Every row of a list, page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.lists.query import MAX_OFFSET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dashboard.lists.query import Query
    from dashboard.lists.spec import ListSpec, R
    from dashboard.teams.access import Access

STEP = 500


async def walk(spec: ListSpec[R], access: Access, query: Query) -> AsyncIterator[R]:
    """Each row that the query lets through, in its order. Raises ``SandboxClientError``."""
    if spec.walk is not None:
        async for row in spec.walk(access, query):
            yield row
        return
    for page in range(1, MAX_OFFSET // STEP + 1):
        found = await spec.fetch(access, replace(query, page=page, size=STEP))
        for row in found.items:
            yield row
        if len(found.items) < STEP:
            return
