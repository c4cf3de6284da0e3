"""Why a sandbox is still alive, and when and why it will stop: one sentence from what the API tells.

The rules are the server's: a lifetime ends a sandbox used or not. Idleness ends it when nothing happened for the idle
time; running a command and moving a file is something, and while a command without a terminal runs the sandbox is not
idle. A terminal that waits for keys keeps nothing alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dashboard.resources.lifetimes import end_of_idleness, end_of_lifetime, moment
from dashboard.templatetags.console import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandboxcore import CommandRecord
    from sandboxcore.models import SandboxRecord

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Code:
    """A command line in a sentence."""

    text: str


Part = str | datetime | Code
"""Words, a moment to tell relative to now, or a command line."""


@dataclass(frozen=True, slots=True)
class Alive:
    """``why`` it is alive and what ends it, as parts of a sentence; ``stops_at`` None where nothing does for now."""

    why: tuple[Part, ...]
    stops_at: datetime | None = None


def why_alive(sandbox: SandboxRecord, running: Sequence[CommandRecord], now: datetime) -> Alive:
    """The sentence for a sandbox with these running commands."""
    if sandbox.status == "provisioning":
        return Alive(("It is being made.",))
    if sandbox.status == "failed":
        return _failed(sandbox)
    over, idle = end_of_lifetime(sandbox), end_of_idleness(sandbox)
    if over is not None and over <= now:
        return Alive(("Its lifetime is over: it is being deleted.",), over)
    if idle is None:
        return _never_idle(sandbox, over)
    busy = [command for command in running if not command.pty]
    if busy:
        return _busy(sandbox, busy, over)
    return _quiet(sandbox, over, idle, now, terminal=bool(running))


def _failed(sandbox: SandboxRecord) -> Alive:
    end = end_of_lifetime(sandbox)
    if end is None:
        return Alive(("It failed and runs nothing; it stays in the list until somebody deletes it.",))
    return Alive(("It failed and runs nothing; it is deleted at the end of its lifetime, ", end, "."), end)


def _never_idle(sandbox: SandboxRecord, over: datetime | None) -> Alive:
    if over is None:
        return Alive(("Nothing ends it: it has no lifetime and no idle stop, so it stays until somebody deletes it.",))
    words = f"It lives for its lifetime of {duration(sandbox.ttl_seconds)}, used or not, and stops "
    return Alive((words, over, "; it has no idle stop."), over)


def _busy(sandbox: SandboxRecord, busy: Sequence[CommandRecord], over: datetime | None) -> Alive:
    first = Code(" ".join(busy[0].command.split())[:SHOWN])
    others = f" and {len(busy) - 1} more" if len(busy) > 1 else ""
    verb = "are" if others else "is"
    idle = duration(sandbox.idle_ttl_seconds)
    begun: tuple[Part, ...] = (
        first,
        f"{others} {verb} running, which keeps it alive; it stops when nothing has happened for {idle}",
    )
    if over is None:
        return Alive((*begun, "."))
    return Alive((*begun, ", and at the latest ", over, ", at the end of its lifetime."), over)


def _quiet(sandbox: SandboxRecord, over: datetime | None, idle: datetime, now: datetime, *, terminal: bool) -> Alive:
    last = moment(sandbox.last_activity_at) or moment(sandbox.created_at) or now
    if over is not None and over <= idle:
        words = f"It lives for its lifetime of {duration(sandbox.ttl_seconds)}, used or not, and stops "
        return Alive((words, over, "; it was last used ", last, "."), over)
    limit = duration(sandbox.idle_ttl_seconds)
    if idle <= now:
        return Alive((f"Nothing has happened in it for {limit}: it is about to stop.",), idle)
    waiting = " A terminal that waits for keys does not keep it alive." if terminal else ""
    begun: tuple[Part, ...] = ("It was last used ", last, "; if nothing happens in it, it stops ", idle)
    return Alive((*begun, f", {limit} after its last use.{waiting}"), idle)
