"""The requests of a workspace's events, history, limits and usage, which not every server knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from sandboxcore.protocol.calls import Call
from sandboxcore.protocol.failures import extension_failure, kill_failure, looking_failure
from sandboxcore.protocol.settings import path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    Query = Mapping[str, str | list[str]]

EVENTS = "/events"
STREAM = "/events/stream"
COMMANDS = "/commands"
TIMELINE = "/timeline"
HISTORY = "/history"
LIMITS = "/limits"
USAGE = "/usage"
SUMMARY = "/summary"
METRICS = "/metrics"


def read(path: str, extension: str, query: Query | None = None) -> Call:
    """Read what an extension has at ``path``."""
    failure = partial(extension_failure, extension=extension, resource="sandbox", action="get")
    return Call("GET", path, failure, params=query or None)


def read_history(sandbox_id: str) -> Call:
    """Read what is known of a sandbox, living or ended."""
    return read(f"{HISTORY}/{path_segment(sandbox_id)}", "history")


def read_sandbox_metrics(name: str, query: Query) -> Call:
    """Read what a sandbox used over time."""
    return read(f"/boxes/{path_segment(name)}{METRICS}", "metrics", query)


def look_inside(dataplane_url: str, what: Literal["processes", "ports"]) -> Call:
    """Read what runs, or what listens, inside a sandbox."""
    failure = partial(looking_failure, extension=what)
    return Call("GET", f"{dataplane_url.rstrip('/')}/{what}", failure)


def read_pool_claims(name: str, query: Query) -> Call:
    """Read how the newest creates of a pool's template went."""
    failure = partial(extension_failure, extension="pool claims", resource="pool", action="get")
    return Call("GET", f"/pools/{path_segment(name)}/claims", failure, params=query or None)


def read_commands(name: str) -> Call:
    """Read which commands were run in a sandbox."""
    return read(f"/boxes/{path_segment(name)}{COMMANDS}", "commands")


def read_command(name: str, command_id: str) -> Call:
    """Read one command of a sandbox."""
    return read(f"/boxes/{path_segment(name)}{COMMANDS}/{path_segment(command_id)}", "commands")


def kill_command(name: str, command_id: str) -> Call:
    """End a command of a sandbox that runs."""
    failure = partial(kill_failure, extension="commands", resource="sandbox", action="get")
    return Call("POST", f"/boxes/{path_segment(name)}{COMMANDS}/{path_segment(command_id)}/kill", failure)


def read_timeline(name: str, query: Query) -> Call:
    """Read what happened to a sandbox, the newest first."""
    return read(f"/boxes/{path_segment(name)}{TIMELINE}", "timeline", query)


def read_sandbox_events(name: str, query: Query) -> Call:
    """Read what happened to a sandbox."""
    return read(f"/boxes/{path_segment(name)}{EVENTS}", "events", query)
