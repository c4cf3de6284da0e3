"""A list as a CSV file, streamed row by row."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from dashboard.lists.drafts import BadSelectionError, read_selection
from dashboard.lists.query import Query
from dashboard.lists.walk import walk
from dashboard.teams.access import require
from dashboard.teams.problems import problem_of
from sandboxcore import SandboxClientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from django.http import HttpRequest, HttpResponseBase

    from dashboard.lists.spec import ListSpec, R
    from dashboard.teams.access import Access, TeamView

MOST = 100_000
"""Rows of one file."""
CHUNK = 64 * 1024
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def written(value: Any) -> str:
    """A value as a file has it: moments in ISO 8601, and no text that a spreadsheet would reckon out."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


async def lines(
    spec: ListSpec[R], access: Access, query: Query, wanted: Collection[str] | None = None
) -> AsyncIterator[bytes]:
    """The file in pieces: a heading, then a line a row; ``wanted`` leaves out the rows whose keys it has not.

    A failure halfway is told in the last line, since the answer has begun by then.
    """
    buffer = io.StringIO()
    out = csv.writer(buffer)
    # Spreadsheets take a file for UTF-8 by its mark.
    buffer.write("\ufeff")
    out.writerow(column.label for column in spec.columns)
    count = 0
    try:
        async for row in walk(spec, access, query):
            if wanted is not None and spec.key(row) not in wanted:
                continue
            out.writerow(written(column.value(row)) for column in spec.columns)
            count += 1
            if buffer.tell() >= CHUNK:
                yield _taken(buffer)
            if count >= (MOST if wanted is None else len(wanted)):
                break
    except SandboxClientError as error:
        out.writerow([f"The list breaks off here: {problem_of(error).message}"])
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    data = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return data


def csv_view(spec: ListSpec[R]) -> TeamView:
    """The view that gives the rows of an address, or of these only those that a page posts, as a file."""

    @require(spec.permission)
    async def view(request: HttpRequest, access: Access, /, **where: str) -> HttpResponseBase:
        wanted = None
        if request.method == "POST":
            try:
                wanted = {key for key, _ in read_selection(request.POST.get("keys", ""))}
            except BadSelectionError:
                wanted = set()
        query = Query.read(spec, request.GET, where)
        answer = StreamingHttpResponse(lines(spec, access, query, wanted), content_type="text/csv; charset=utf-8")
        name = f"{spec.title.lower().replace(' ', '-')}-{timezone.now():%Y-%m-%d-%H%M}.csv"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["Cache-Control"] = "private, no-store"
        return answer

    return view
