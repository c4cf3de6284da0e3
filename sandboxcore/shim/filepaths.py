"""Paths and plain values of file requests."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def named_path(request: Mapping[str, Any], key: str = "path") -> str:
    """The absolute path that ``key`` names; relative ones are below the home. Raises ``ValueError``."""
    path = request[key]
    if not isinstance(path, str) or not path:
        raise ValueError(f"{key} must be a non-empty string")
    if "\0" in path:
        raise ValueError(f"{key} contains a NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(f"{key} contains characters that no file name can have") from None
    home = os.environ.get("HOME") or "/"
    if path == "~" or path.startswith("~/"):
        path = path[2:] or "."
    return os.path.join(home, path)


def number(request: Mapping[str, Any], key: str, default: int | None) -> int | None:
    """A non-negative integer, or ``default`` where it is missing or null. Raises ``ValueError``."""
    value = request.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError(f"{key} must be an integer of 0 or more")
    return value


def failure(code: int, path: str) -> OSError:
    """The error that the kernel would raise for ``path``."""
    return OSError(code, os.strerror(code), path)


def refuse_root(path: str) -> None:
    """Raise ``PermissionError`` where ``path`` is the root folder."""
    if os.path.realpath(path) == "/":
        raise failure(errno.EPERM, path)
