"""Addresses: people choose names, and no address of ours may hide what they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from django.urls import get_resolver, resolve, reverse

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = re.compile(r"%\((\w+)\)s")
CHOSEN = {"name", "command_id", "sandbox_id"}
"""Parts of addresses that people, programs or a sandbox server choose freely."""


def addresses() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Every address below a team that has a name: the view's name, the address, the converters of its parts."""
    for name, found in get_resolver().reverse_dict.lists():
        for possible, _, _, converters in found:
            for address, _ in possible:
                if isinstance(name, str) and address.startswith("t/"):
                    yield name, address, {part: type(each).__name__ for part, each in converters.items()}


def words() -> set[str]:
    """Every fixed word of any address, as somebody may name a thing."""
    return {word for _, address, _ in addresses() for word in PLACE.sub("", address).split("/") if word}


def value(converter: str) -> str:
    return {"UUIDConverter": str(uuid4()), "IntConverter": "7"}.get(converter, "blue")


def test_it_works() -> None:
    assert {"new", "bulk", "export.csv", "history", "commands"} <= words()
    assert len([name for name, _, parts in addresses() if CHOSEN & set(parts)]) > 30


def test_nothing_is_hidden_by_a_word_of_ours() -> None:
    hidden = []
    for name, _, parts in addresses():
        for part in CHOSEN & set(parts):
            for word in words():
                given = {each: value(converter) for each, converter in parts.items()} | {part: word}
                found = resolve(reverse(name, kwargs=given))
                if found.url_name != name or {key: str(each) for key, each in found.kwargs.items()} != given:
                    hidden.append(f"{reverse(name, kwargs=given)} is {found.url_name}, not {name}")
    assert not hidden, "\n".join(hidden)
