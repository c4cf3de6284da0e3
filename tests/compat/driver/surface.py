"""What a release offers: its public classes, their methods, parameters and fields, by looking at them."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType

_PROTOCOLS = ("__enter__", "__exit__", "__iter__", "__aenter__", "__aexit__", "__aiter__")
_SAME = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__", "aclose": "close"}


def public_classes(module: ModuleType) -> Iterator[tuple[str, type]]:
    """The classes that a release exports, exceptions apart."""
    for name in module.__all__:
        member = getattr(module, name)
        if inspect.isclass(member) and not issubclass(member, BaseException):
            yield name, member


def methods(module: ModuleType, kind: str) -> dict[str, CodeType]:
    """Every public method and property of one kind of client as ``Class.method``, by its synchronous name.

    Classes that both kinds share (a template, a volume) count for both.
    """
    found: dict[str, CodeType] = {}
    names = dict(public_classes(module))
    for name, cls in names.items():
        is_async = name.startswith("Async")
        has_twin = is_async or f"Async{name}" in names
        if has_twin and is_async != (kind == "async"):
            continue
        for attribute, member in vars(cls).items():
            code = _code(member)
            if code is not None and (not attribute.startswith("_") or attribute in _PROTOCOLS):
                found[f"{name.removeprefix('Async')}.{_SAME.get(attribute, attribute)}"] = code
    return found


def _code(member: object) -> CodeType | None:
    """The code that runs when a class's attribute is used."""
    if isinstance(member, property):
        member = member.fget
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    return inspect.unwrap(member).__code__ if inspect.isfunction(member) else None


def parameters(module: ModuleType) -> dict[str, list[str]]:
    """The parameters of each public method, both kinds, as ``Class.method``."""
    found: dict[str, list[str]] = {}
    for name, cls in public_classes(module):
        for attribute, member in vars(cls).items():
            if inspect.isfunction(member) and (not attribute.startswith("_") or attribute == "__init__"):
                names = [each for each in inspect.signature(member).parameters if each != "self" and each[0] != "_"]
                found[f"{name}.{attribute}"] = names
    return found


def fields(module: ModuleType) -> dict[str, list[str]]:
    """The public fields of each record."""
    return {
        name: [field.name for field in dataclasses.fields(_dataclass(cls)) if not field.name.startswith("_")]
        for name, cls in public_classes(module)
        if dataclasses.is_dataclass(cls)
    }


def _dataclass(cls: type) -> Any:
    return cls


def errors(module: ModuleType) -> list[str]:
    """The exceptions that a release exports."""
    members = ((name, getattr(module, name)) for name in module.__all__)
    return [name for name, member in members if inspect.isclass(member) and issubclass(member, BaseException)]
