"""What each release brought over the one before it in the grid, read off the releases themselves."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tests.compat.environments import VERSIONS
from tests.compat.runs import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.compat.runs import Reports

Offer = dict[str, list[str]]

_WIDE = 20
"""Methods that get a parameter at once for it to be told as one change."""


def what_each_brought(reports: Reports) -> str:
    """A list for each release but the first: methods, parameters, fields, messages and errors that came or went."""
    parts = []
    for before, after in pairwise(VERSIONS):
        lines = list(_changes(reports, before, after)) or ["nothing that a caller or the server sees"]
        parts.append(f"**{after}**, over {before}:\n\n" + "".join(f"- {line}\n" for line in lines))
    return "\n".join(parts)


def _changes(reports: Reports, before: str, after: str) -> Iterator[str]:
    known = _methods(reports, before)
    yield from _difference("methods", known, _methods(reports, after))
    # What a new method takes is no change to those who called the others.
    calls = [each for each in _parameters(reports, after) if each.partition("(")[0] in known or " " in each]
    yield from _difference("parameters", _parameters(reports, before), calls)
    yield from _difference("fields", _fields(reports, before), _fields(reports, after))
    yield from _difference("messages sent", _frames(reports, before), _frames(reports, after))
    yield from _difference("errors", _errors(reports, before), _errors(reports, after))


def _difference(title: str, before: list[str], after: list[str]) -> Iterator[str]:
    came = [f"`{each}`" for each in after if each not in before]
    went = [f"`{each}`" for each in before if each not in after]
    if came:
        yield f"new {title}: {', '.join(came)}"
    if went:
        yield f"{title} that went: {', '.join(went)}"


def _release(reports: Reports, version: str, what: str) -> Offer:
    found: Offer = reports[version, "sync"].release.get(what, {})
    return found


def _methods(reports: Reports, version: str) -> list[str]:
    return list(dict.fromkeys(name for kind in KINDS for name in reports[version, kind].methods))


def _parameters(reports: Reports, version: str) -> list[str]:
    """Parameters that came to methods; those that every method got at once are told as one."""
    offered = _release(reports, version, "parameters")
    wide = {name for name in ("headers",) if sum(name in each for each in offered.values()) > _WIDE}
    named = [
        f"{method}({name})"
        for method, names in offered.items()
        if not method.startswith("Async")
        for name in names
        if name not in wide
    ]
    return [*named, *(f"{name} of nearly every call" for name in wide)]


def _fields(reports: Reports, version: str) -> list[str]:
    offered = _release(reports, version, "fields")
    return [f"{record}.{name}" for record, names in offered.items() if not record.startswith("Async") for name in names]


def _frames(reports: Reports, version: str) -> list[str]:
    return sorted(
        f"{message}.{name}" for message, names in _release(reports, version, "frames").items() for name in names
    )


def _errors(reports: Reports, version: str) -> list[str]:
    return list(reports[version, "sync"].release.get("errors", ()))
