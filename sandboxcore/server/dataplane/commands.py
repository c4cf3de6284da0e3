"""What a client writes to run a command, turned into what a shim reads."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandboxcore.server.auth import Caller

DEFAULT_SHELL = "/bin/bash"
FALLBACK_SHELL = "/bin/sh"
DEFAULT_TIMEOUT = 60
DEFAULT_TTL = 600
NEVER = -1
MOST_COMMAND_BYTES = 4096
"""What is kept of a command line, as UTF-8."""
MOST_ENV_NAMES = 1200
"""What is kept of variables' names, as JSON: with the longest name of an actor it fits into a shim's ``meta``."""


class CommandRefusedError(SandboxError):
    """The request is not one that can be run; the message says why. It becomes a ``CommandError``."""


def start_message(request: Mapping[str, Any], caller: Caller, *, over_http: bool = False) -> dict[str, Any]:
    """The shim's ``start`` for an ``execute`` of the wire protocol. Raises ``CommandRefusedError``."""
    command = _text(request, "command", required=True)
    pty = bool(request.get("pty"))
    if not command and not pty:
        raise CommandRefusedError("'command' is empty")
    message = {
        "op": "start",
        "command_id": _text(request, "command_id") or str(uuid.uuid4()),
        "candidates": _candidates(_text(request, "shell"), command),
        "env": request.get("env"),
        "cwd": _text(request, "cwd") or None,
        "pty": pty,
        "timeout": _seconds(request, DEFAULT_TIMEOUT, "timeout_seconds", "timeout"),
        "idle_timeout": _seconds(request, NEVER, "idle_timeout_seconds"),
        "kill_on_disconnect": bool(request.get("kill_on_disconnect")),
        "ttl": _seconds(request, DEFAULT_TTL, "ttl_seconds"),
        "label": (kept := _cut(command)),
        "meta": _meta(
            request, caller, origin="http" if over_http else "terminal" if pty else "stream", is_cut=kept != command
        ),
        "recorded": True,
        "gaps": bool(request.get("gaps")),
        "modes": bool(request.get("modes")),
        "source": _text(request, "source"),
    }
    if pty:
        message |= {"rows": request.get("rows"), "cols": request.get("cols")}
    return message


def _meta(request: Mapping[str, Any], caller: Caller, *, origin: str, is_cut: bool) -> dict[str, Any]:
    """What the shim keeps with the command, for whoever lists commands; never the values of variables."""
    meta: dict[str, Any] = {"actor": caller.actor, "key": caller.key_id, "origin": origin}
    if is_cut:
        meta["cut"] = True
    if request.get("env"):
        meta["env"] = _env_names(request["env"])
    return meta


def _env_names(env: object) -> list[str]:
    """The first names of variables, as many as fit into what a shim keeps."""
    names: list[str] = []
    room = MOST_ENV_NAMES
    for name in env if isinstance(env, dict) else ():
        room -= len(json.dumps(name)) + 2
        if room < 0:
            break
        names.append(name)
    return names


def _cut(command: str) -> str:
    """The beginning of a command line, at most ``MOST_COMMAND_BYTES`` and never half a character."""
    if len(command) <= MOST_COMMAND_BYTES // 4:
        return command
    whole = command.encode(errors="surrogatepass")
    return command if len(whole) <= MOST_COMMAND_BYTES else whole[:MOST_COMMAND_BYTES].decode(errors="ignore")


def attach_message(request: Mapping[str, Any]) -> dict[str, Any]:
    """The shim's ``attach`` for a ``reconnect`` of the wire protocol. Raises ``CommandRefusedError``."""
    return {
        "op": "attach",
        "command_id": _text(request, "command_id", required=True),
        "stdout_offset": request.get("stdout_offset") or 0,
        "stderr_offset": request.get("stderr_offset") or 0,
        "gaps": bool(request.get("gaps")),
        "modes": bool(request.get("modes")),
        "source": _text(request, "source"),
        "watch": bool(request.get("watch")),
    }


def _candidates(shell: str, command: str) -> list[list[str]]:
    """The shell asked for, and after the default one the shell that every image has; a login shell without command."""
    shells = [shell or DEFAULT_SHELL]
    if shells[0] == DEFAULT_SHELL:
        shells.append(FALLBACK_SHELL)
    return [[program, "-c", command] if command else [program, "-l"] for program in shells]


def _text(request: Mapping[str, Any], key: str, *, required: bool = False) -> str:
    value = request.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise CommandRefusedError(f"'{key}' must be a string")
    return value


def _seconds(request: Mapping[str, Any], default: float, *keys: str) -> float:
    for key in keys:
        value = request.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CommandRefusedError(f"'{key}' must be a number of seconds")
        return value
    return default
