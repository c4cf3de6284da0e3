"""What callers may ask for, checked before anything is done."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError
from sandboxcore.shim.spawner import SpawnRequest, TerminalSize

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ID = 128
LONGEST_LABEL = 4096
LONGEST_META = 4096
LONGEST_SOURCE = 64
MOST_CELLS = 10_000


class RefusedError(SandboxError):
    """A request is answered with an error; ``kind`` is the protocol's ``error_type``."""

    def __init__(self, message: str, *, kind: str = "CommandError") -> None:
        super().__init__(message)
        self.kind = kind

    def message(self) -> dict[str, Any]:
        """The control message that tells it."""
        return {"type": "error", "error_type": self.kind, "error": str(self)}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a reader wants a session's output."""

    offsets: tuple[int, int] = (0, 0)
    gaps: bool = False
    modes: bool = False
    source: str = ""
    """Under which name its input is numbered; empty where it is not."""
    watch: bool = False
    """Whether the terminal's sizes are told, each in its place among the output."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A command to run. Seconds throughout; None where there is no such limit."""

    command_id: str
    spawn: SpawnRequest
    timeout: float | None
    idle_timeout: float | None
    kill_on_disconnect: bool
    ttl: float | None
    label: str
    meta: dict[str, Any]
    recorded: bool = False
    """Whether ``history`` tells of it."""


def parse_start(message: Mapping[str, Any], *, default_ttl: float) -> StartRequest:
    """Raises ``RefusedError``."""
    timeout = _seconds(message, "timeout", 0.0)
    candidates = _candidates(message.get("candidates"))
    return StartRequest(
        command_id=command_id(message) if "command_id" in message else os.urandom(16).hex(),
        spawn=SpawnRequest(
            candidates=candidates,
            env=_env(message.get("env")),
            cwd=_text(message, "cwd") or None,
            pty=terminal_size(message) if message.get("pty") else None,
        ),
        timeout=timeout if timeout is not None and timeout > 0 else None,
        idle_timeout=_seconds(message, "idle_timeout", None),
        kill_on_disconnect=bool(message.get("kill_on_disconnect")),
        ttl=_seconds(message, "ttl", default_ttl),
        label=(_text(message, "label") or " ".join(candidates[0]))[:LONGEST_LABEL],
        meta=_meta(message.get("meta")),
        recorded=bool(message.get("recorded")),
    )


def history_position(message: Mapping[str, Any]) -> int:
    """Raises ``RefusedError``."""
    return _offset(message, "after")


def parse_reading(message: Mapping[str, Any]) -> Reading:
    """Raises ``RefusedError``."""
    offsets = (_offset(message, "stdout_offset"), _offset(message, "stderr_offset"))
    source = _text(message, "source")
    if len(source) > LONGEST_SOURCE:
        raise RefusedError(f"source must be a string of at most {LONGEST_SOURCE} characters")
    return Reading(offsets, bool(message.get("gaps")), bool(message.get("modes")), source, bool(message.get("watch")))


def command_id(message: Mapping[str, Any]) -> str:
    """Raises ``RefusedError``."""
    value = _text(message, "command_id")
    if not 0 < len(value) <= LONGEST_ID:
        raise RefusedError(f"command_id must be a string of 1 to {LONGEST_ID} characters")
    return value


def terminal_size(message: Mapping[str, Any]) -> TerminalSize:
    """Raises ``RefusedError``."""
    rows, cols = message.get("rows") or 24, message.get("cols") or 80
    for value in (rows, cols):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_CELLS:
            raise RefusedError(f"rows and cols must be integers from 1 to {MOST_CELLS}")
    return TerminalSize(rows, cols)


def numbered_input(message: Mapping[str, Any]) -> tuple[int, bytes]:
    """The place of the first byte among all that its sender typed, and the bytes. Raises ``RefusedError``."""
    data = message.get("data")
    if not isinstance(data, str):
        raise RefusedError("data must be a string")
    return _offset(message, "offset"), data.encode(errors="replace")


def kept_bytes(message: Mapping[str, Any]) -> int:
    """How much of the unread output a reader that skips ahead still wants. Raises ``RefusedError``."""
    return _offset(message, "keep")


def tcp_port(message: Mapping[str, Any]) -> int:
    """Raises ``RefusedError``."""
    port = message.get("port")
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise RefusedError("port must be an integer from 1 to 65535", kind="DialFailed")
    return port


def signal_number(message: Mapping[str, Any]) -> int:
    """Raises ``RefusedError``."""
    name = _text(message, "signal")
    try:
        return signal.Signals[name].value
    except KeyError:
        raise RefusedError(f"unknown signal {name[:32]!r}") from None


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if value is None:
        return ""
    return _checked(value, key)


def _checked(value: object, what: str) -> str:
    """A string that a program can be given: no NUL, encodable."""
    if not isinstance(value, str):
        raise RefusedError(f"{what} must be a string")
    try:
        if b"\0" in os.fsencode(value):
            raise RefusedError(f"{what} contains a NUL character")
    except UnicodeEncodeError:
        raise RefusedError(f"{what} contains unpaired surrogates") from None
    return value


def _seconds(message: Mapping[str, Any], key: str, default: float | None) -> float | None:
    """A duration; None where it is negative, which means never."""
    value = message.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RefusedError(f"{key} must be a number of seconds")
    return None if value < 0 else min(float(value), 1e9)


def _offset(message: Mapping[str, Any], key: str) -> int:
    value = message.get(key) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RefusedError(f"{key} must be an integer of 0 or more")
    return value


def _candidates(value: object) -> list[list[str]]:
    if not isinstance(value, list) or not value:
        raise RefusedError("candidates must be a list of argument vectors")
    for argv in value:
        if not isinstance(argv, list) or not argv:
            raise RefusedError("each candidate must be a list with a program and its arguments")
    return [[_checked(argument, "an argument") for argument in argv] for argv in value]


def _env(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedError("env must be an object of strings")
    for name, content in value.items():
        _checked(name, "a variable's name")
        _checked(content, f"the variable {name[:64]}")
        if not name or "=" in name:
            raise RefusedError(f"{name[:64]!r} cannot be the name of a variable")
    return value


def _meta(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(json.dumps(value)) > LONGEST_META:
        raise RefusedError(f"meta must be an object of at most {LONGEST_META} bytes of JSON")
    return value
