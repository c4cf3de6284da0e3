"""The requests of a workspace's events, history, limits and usage, which not every server knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sandboxcore.protocol.calls import Call
from sandboxcore.protocol.failures import extension_failure
from sandboxcore.protocol.settings import path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    Query = Mapping[str, str | list[str]]

EVENTS = "/events"
STREAM = "/events/stream"
HISTORY = "/history"
LIMITS = "/limits"
USAGE = "/usage"
SUMMARY = "/summary"


def read(path: str, extension: str, query: Query | None = None) -> Call:
    """Read what an extension has at ``path``."""
    failure = partial(extension_failure, extension=extension, resource="sandbox", action="get")
    return Call("GET", path, failure, params=query or None)


def read_history(sandbox_id: str) -> Call:
    """Read what is known of a sandbox, living or ended."""
    return read(f"{HISTORY}/{path_segment(sandbox_id)}", "history")


def read_pool_claims(name: str, query: Query) -> Call:
    """Read how the newest creates of a pool's template went."""
    failure = partial(extension_failure, extension="pool claims", resource="pool", action="get")
    return Call("GET", f"/pools/{path_segment(name)}/claims", failure, params=query or None)


def read_sandbox_events(name: str, query: Query) -> Call:
    """Read what happened to a sandbox."""
    return read(f"/boxes/{path_segment(name)}{EVENTS}", "events", query)
