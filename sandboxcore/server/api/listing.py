"""The query parameters of lists: read and checked here, the same for every list, and told to the API's description.

They are read by hand, so that a list without any costs nothing more than it did before there were any.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandboxcore.server.errors import InvalidError
from sandboxcore.server.services.cursors import MAX_LENGTH, BadCursorError, Cursor, Selection
from sandboxcore.server.services.filters import MAX_VALUES
from sandboxcore.server.services.listing import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET, PageQuery

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from sandboxcore.server.services.listing import Listing

SHARED = ("limit", "offset", "cursor", "sort", "q", "total")
MAX_SEARCH = 200
MAX_SELECTION_BYTES = 4096
"""Most bytes of all that is searched and filtered for, so that a cursor, which holds it, fits into an address."""
_NUMBER = re.compile(r"[0-9]{1,9}")


def asked_page(request: Request, listing: Listing) -> PageQuery | None:
    """The page that a request asks for; None where it has no parameter of a list, and so gets the whole list.

    Raises ``InvalidError``, which names the parameter and says what is allowed.
    """
    if not request.scope["query_string"]:
        return None
    parameters = request.query_params
    known = {*SHARED, *listing.filters, *(("include",) if listing.includes else ())}
    known -= set() if listing.searched else {"q"}
    given = set(parameters)
    if not given & known:
        return None
    if given - known:
        unknown = min(given - known)
        raise _invalid(unknown[:80], f"this list has no such parameter; it has: {', '.join(sorted(known))}")
    return _page_query(parameters, listing)


def wants_usage(request: Request) -> bool:
    """Whether a request asks by ``include=usage`` for what is used beside what there is. Raises ``InvalidError``."""
    if not request.scope["query_string"]:
        return False
    asked = request.query_params.getlist("include")
    if any(each not in ("usage", "") for each in asked):
        raise _invalid("include", "must be: usage")
    return "usage" in asked


def _page_query(parameters: QueryParams, listing: Listing) -> PageQuery:
    cursor = _cursor(parameters, listing)
    return PageQuery(
        selection=_selection(parameters, listing) if cursor is None else cursor.selection,
        limit=_number(parameters, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        offset=_number(parameters, "offset", 0, 0, MAX_OFFSET),
        after=cursor,
        count=_count(parameters),
    )


def _selection(parameters: QueryParams, listing: Listing) -> Selection:
    q = _single(parameters, "q") or ""
    if len(q) > MAX_SEARCH or "\0" in q:
        raise _invalid("q", f"must have at most {MAX_SEARCH} characters, none of them NUL")
    filters = tuple(
        (name, values) for name in sorted(listing.filters) if (values := _values(parameters, listing, name))
    )
    size = len(q.encode()) + sum(len(value.encode()) for _, values in filters for value in values)
    if size > MAX_SELECTION_BYTES:
        raise _invalid(filters[0][0] if filters else "q", f"all filters together exceed {MAX_SELECTION_BYTES} bytes")
    return Selection(listing.name, _sort(parameters, listing), q, filters)


def _sort(parameters: QueryParams, listing: Listing) -> str:
    sort = _single(parameters, "sort")
    if sort is None:
        return listing.default_sort
    if sort.removeprefix("-") not in listing.sorts:
        raise _invalid("sort", f"must be one of: {', '.join(listing.sorts)}; with a '-' before it for descending")
    return sort


def _values(parameters: QueryParams, listing: Listing, name: str) -> tuple[str, ...]:
    """What a filter lets through; a blank value, as forms send it, restricts nothing."""
    many, longest = listing.filters[name].many, listing.filters[name].schema.get("maxLength", MAX_SELECTION_BYTES)
    values = {value for value in parameters.getlist(name) if value}
    if len(values) > (MAX_VALUES if many else 1):
        most = f"at most {MAX_VALUES} times" if many else "once"
        raise _invalid(name, f"may be given {most}")
    if any("\0" in value or len(value) > longest for value in values):
        raise _invalid(name, f"must have at most {longest} characters, none of them NUL")
    return tuple(sorted(values))


def _cursor(parameters: QueryParams, listing: Listing) -> Cursor | None:
    """Where to go on. It brings its order and filters with it; whoever sends them too must send the same."""
    text = _single(parameters, "cursor")
    if text is None:
        return None
    if "offset" in parameters:
        raise _invalid("offset", "cannot be combined with 'cursor'")
    if not text or len(text) > MAX_LENGTH:
        raise _invalid("cursor", "must be the 'next_cursor' of an earlier answer")
    try:
        cursor = Cursor.parse(text)
    except BadCursorError as error:
        raise _invalid("cursor", str(error)) from None
    chosen = cursor.selection
    if chosen.listing != listing.name or not listing.offers(chosen):
        raise _invalid("cursor", "was made by another list")
    if not set(parameters) <= {"cursor", "limit", "total", "include"} and chosen != _selection(parameters, listing):
        raise _invalid("cursor", "was made with another order or other filters; send it alone, or with the same")
    return cursor


def _number(parameters: QueryParams, name: str, default: int, least: int, most: int) -> int:
    text = _single(parameters, name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise _invalid(name, f"must be a whole number from {least} to {most}")
    return int(text)


def _count(parameters: QueryParams) -> bool:
    text = _single(parameters, "total")
    if text not in {None, "true", "false"}:
        raise _invalid("total", "must be true or false")
    return text != "false"


def _single(parameters: QueryParams, name: str) -> str | None:
    values = parameters.getlist(name)
    if len(values) > 1:
        raise _invalid(name, "may be given once")
    return values[0] if values else None


def _invalid(name: str, message: str) -> InvalidError:
    return InvalidError(("query", name), message)


def described(listing: Listing) -> dict[str, Any]:
    """The parameters of a list for the API's description, as ``openapi_extra`` of its route."""
    orders = [sign + name for name in listing.sorts for sign in ("", "-")]
    parameters = [
        _parameter("limit", _integer(1, MAX_LIMIT, DEFAULT_LIMIT), "Most items of the answer."),
        _parameter("offset", _integer(0, MAX_OFFSET, 0), "Items to leave out; for deep pages `cursor` is faster."),
        _parameter("cursor", _text(MAX_LENGTH), "The `next_cursor` of an earlier answer, to go on where it ended."),
        _parameter("sort", {"type": "string", "enum": orders, "default": listing.default_sort}, _ORDER),
        _parameter("total", {"type": "boolean", "default": True}, "Whether to count all that fit."),
    ]
    if listing.searched:
        names = ", ".join(listing.searched)
        parameters.insert(4, _parameter("q", _text(MAX_SEARCH), f"Part of {names}; A and a are the same."))
    if listing.includes:
        parameters.append(_parameter("include", {"type": "string", "enum": list(listing.includes)}, _INCLUDE))
    for name, chosen in listing.filters.items():
        schema = {"type": "array", "items": chosen.schema, "maxItems": MAX_VALUES} if chosen.many else chosen.schema
        parameters.append(_parameter(name, schema, chosen.description))
    return {"parameters": parameters}


_INCLUDE = "What each item is to tell beside itself."
INCLUDE_USAGE: dict[str, Any] = {
    "parameters": [
        {
            "name": "include",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["usage"]},
            "description": "What it is to tell beside itself.",
        }
    ]
}
"""``openapi_extra`` of a route that gives one thing, and ``wants_usage`` of it."""
_ORDER = "Ties are broken by `id`; text sorts by its bytes, what is empty comes last, and `-` turns all that round."


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _integer(least: int, most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}
