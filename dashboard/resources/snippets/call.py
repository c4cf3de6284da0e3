"""One action as data: what the SDK is told, what HTTP carries, what the command line is given."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a program: ``name = target.method(args)``. Lines without ``waits`` are the same in both clients."""

    text: str
    name: str = ""
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One action, as each language needs it."""

    lines: tuple[Line, ...]
    method: str
    path: str
    """Below the API's endpoint, with a slash; or a whole address, where the sandbox has one of its own."""
    cli: tuple[str, ...]
    """Words after ``sandbox``."""
    body: Mapping[str, Any] | None = None
    imports: tuple[str, ...] = field(default=())
    """Names that the SDK exports, beside the client."""


# What cannot be seen, moves a cursor or turns round what follows is written by its number.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def json_text(value: object) -> str:
    """JSON in which every character can be seen."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def shell_word(text: str) -> str:
    """A word for a shell; one with characters that cannot be seen is written as ``$'…'``."""
    if not _HIDDEN.search(text):
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped) + "'"


def literal(value: object) -> str:
    """A Python literal; JSON's strings are ones."""
    if isinstance(value, str):
        return json_text(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(literal(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(each)}' for key, each in value.items())}}}"
    return repr(value)


class Raw(str):
    """An expression that stands in a program as it is."""

    __slots__ = ()


def invoke(target: str, *args: object, **named: object) -> str:
    """``target(args, name=value)``; arguments that are None are left out."""
    words = [each if isinstance(each, Raw) else literal(each) for each in args]
    words += [
        f"{key}={each if isinstance(each, Raw) else literal(each)}" for key, each in named.items() if each is not None
    ]
    line = f"{target}({', '.join(words)})"
    if len(line) <= 88:
        return line
    return f"{target}(\n    " + ",\n    ".join(words) + ",\n)"
