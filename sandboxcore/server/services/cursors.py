"""Where a page of a list ended, as text that a client hands back to get the next one.

A cursor is not a secret and gives no right: it holds a query that its bearer could have sent as well, and the workspace
is always the caller's. So it is not signed; it is checked like any other value that a client sends.
"""

from __future__ import annotations

import binascii
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import orjson

MAX_LENGTH = 16384
_VERSION = 1
_MAX_INTEGER = 2**63

Value = str | int | float | None


class BadCursorError(ValueError):
    """The text is no cursor of this server."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a list, in which order."""

    listing: str
    sort: str
    """A field's name, after ``-`` where the order is descending."""
    q: str = ""
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """By name, each with its values, both in order, so that equal selections are equal."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: its value of the field that sorts, and its identifier."""

    selection: Selection
    key: Value
    identity: str | int

    def text(self) -> str:
        """What the client gets."""
        chosen = self.selection
        state = [_VERSION, chosen.listing, chosen.sort, chosen.q, dict(chosen.filters), self.key, self.identity]
        return urlsafe_b64encode(orjson.dumps(state)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what a client sent. Raises ``BadCursorError``."""
        try:
            state = orjson.loads(urlsafe_b64decode(text[:MAX_LENGTH] + "=" * (-len(text) % 4)))
            version, listing, sort, q, filters, key, identity = state
        except (binascii.Error, ValueError, TypeError):
            raise BadCursorError("this is no cursor of this server") from None
        texts_fit = all(_is_text(value) for value in (listing, sort, q))
        if version != _VERSION or not texts_fit or not _are_filters(filters):
            raise BadCursorError("this is no cursor of this server")
        if not _is_value(key) or not _is_value(identity) or not isinstance(identity, str | int):
            raise BadCursorError("this is no cursor of this server")
        chosen = tuple((name, tuple(values)) for name, values in filters.items())
        return cls(Selection(listing, sort, q, chosen), key, identity)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_value(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -_MAX_INTEGER <= value < _MAX_INTEGER
    return value is None or (isinstance(value, float) and math.isfinite(value)) or _is_text(value)


def _are_filters(filters: object) -> bool:
    return isinstance(filters, dict) and all(
        isinstance(values, list) and all(_is_text(value) for value in values) for values in filters.values()
    )
