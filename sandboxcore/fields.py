"""Typed access to a JSON object that somebody else wrote.

A field that is missing or null gives its default, a field of the wrong type raises ``InvalidResponseError`` naming it;
nothing else is looked at.
"""

from __future__ import annotations

from typing import Any

from sandboxcore.errors import InvalidResponseError


class Fields:
    """Reads the fields of one JSON object, checking their types; ``what`` names the object in errors."""

    __slots__ = ("_data", "_what")

    def __init__(self, data: object, what: str) -> None:
        if not isinstance(data, dict):
            raise InvalidResponseError(f"{what}: expected an object, got {_kind(data)}")
        self._data: dict[str, Any] = data
        self._what = what

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.optional_text(name)
        return default if value is None else value

    def optional_text(self, name: str) -> str | None:
        """A string or None."""
        value = self._data.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "text", value)
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number."""
        value = self.optional_integer(name)
        return default if value is None else value

    def optional_integer(self, name: str) -> int | None:
        """A whole number or None; JSON's ``2.0`` is whole, ``true`` is not a number."""
        value = self._data.get(name)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._wrong(name, "a whole number", value)
        return value

    def number(self, name: str, default: float = 0.0) -> float:
        """A number."""
        value = self.optional_number(name)
        return default if value is None else value

    def optional_number(self, name: str) -> float | None:
        """A number or None."""
        value = self._data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, "a number", value)
        return float(value)

    def mapping(self, name: str) -> dict[str, Any]:
        """An object; empty where it is missing."""
        value = self._data.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._wrong(name, "an object", value)
        return value or {}

    def optional_flag(self, name: str) -> bool | None:
        """True, False or None."""
        value = self._data.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty where it is missing."""
        value = self._data.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "a list of texts", value)
        return tuple(value)

    def required_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.optional_text(name)
        if value is None:
            raise self._wrong(name, "text", None)
        return value

    def required_integer(self, name: str) -> int:
        """A whole number that must be there."""
        value = self.optional_integer(name)
        if value is None:
            raise self._wrong(name, "a whole number", None)
        return value

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A list of objects; empty where it is missing."""
        value = self._data.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(name, "a list of objects", value)
        return value

    def _wrong(self, name: str, expected: str, value: object) -> InvalidResponseError:
        return InvalidResponseError(
            f"{self._what}: field '{name}' should be {expected}, got {_kind(value)}", field=name
        )


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
