"""A sandbox's timeline as lines to show: what happened, in words, with an icon and where it leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dashboard.lists.cells import size
from dashboard.templatetags.commands import took
from dashboard.templatetags.commands import visible_lines as visible
from dashboard.templatetags.console import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandboxcore import TimelineEntry

GROUPS: Final = {
    "life": ("Life", ("sandbox.",)),
    "commands": ("Commands", ("command.",)),
    "files": ("Files", ("file.",)),
    "connections": ("Connections", ("tunnel.", "service.", "terminal.")),
}
"""What can be chosen: its words, and the beginnings of the kinds that it has."""
SHOWN = 5
"""Paths of one entry that are named."""
PHASES = {"waiting": "waiting for its turn", "making": "being made", "reaching": "being reached"}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: ``words`` of ours, then ``what`` of somebody's (a command line, paths), then ``details`` of ours."""

    at: str
    group: str
    words: str
    actor: str
    what: Sequence[str] = ()
    details: str = ""
    phases: Sequence[tuple[str, float, int]] = ()
    """Of a start: each phase in words, its seconds, and its share in hundredths."""
    command_id: str = ""
    terminal: bool = False
    """Whether the command is a terminal, and ``what`` its name."""
    bad: bool = False


def lines_of(
    entries: Sequence[TimelineEntry], groups: Sequence[str], terminals: Mapping[str, str] | None = None
) -> list[Line]:
    """The entries of the chosen groups; of all where none is chosen. ``terminals`` has names by command."""
    drawn = [line_of(entry, terminals or {}) for entry in entries]
    return [line for line in drawn if not groups or line.group in groups]


def line_of(entry: TimelineEntry, terminals: Mapping[str, str]) -> Line:
    """One entry in words; one of a kind that is not known is called by it."""
    tell = _WORDS.get(entry.kind)
    found: dict[str, Any] = tell(entry.summary) if tell else {"words": visible(entry.kind)}
    return Line(
        at=entry.at, group=_group(entry.kind), actor=visible(entry.actor), **_with_command(entry, found, terminals)
    )


def _with_command(entry: TimelineEntry, found: dict[str, Any], terminals: Mapping[str, str]) -> dict[str, Any]:
    if not entry.kind.startswith("command."):
        return found
    if entry.id in terminals:
        # That it is in a terminal goes without saying; why it could not be started does not.
        why = _text(entry.summary, "error")
        found = {**found, "what": [visible(terminals[entry.id])], "details": why, "terminal": True}
    return {**found, "command_id": entry.id}


def _group(kind: str) -> str:
    return next((key for key, (_, starts) in GROUPS.items() if kind.startswith(starts)), "life")


def _text(summary: Mapping[str, Any], name: str) -> str:
    value = summary.get(name)
    return visible(value) if isinstance(value, str) else ""


def _number(summary: Mapping[str, Any], name: str) -> float | None:
    value = summary.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _created(summary: Mapping[str, Any]) -> dict[str, Any]:
    pool = _text(summary, "pool")
    return {
        "words": "created it from the template",
        "what": [_text(summary, "template")],
        "details": f"for the pool {pool}" if pool else "",
    }


def _claimed(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {"words": "took it, ready at once, from the pool", "what": [_text(summary, "pool")]}


def _ready(summary: Mapping[str, Any]) -> dict[str, Any]:
    given = summary.get("phases")
    phases = [
        (PHASES.get(str(each.get("name")), visible(each.get("name"))), seconds)
        for each in (given if isinstance(given, list) else [])[:10]
        if isinstance(each, dict) and (seconds := _number(each, "seconds")) is not None
    ]
    whole = sum(seconds for _, seconds in phases) or 1
    return {
        "words": f"ready after {took(_number(summary, 'seconds'))}",
        "phases": [(name, seconds, round(100 * seconds / whole)) for name, seconds in phases],
    }


def _failed(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {"words": "failed:", "what": [_text(summary, "message") or _text(summary, "kind")], "bad": True}


def _renamed(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {"words": "renamed it; before it was", "what": [_text(summary, "before")]}


def _lifetimes(summary: Mapping[str, Any]) -> dict[str, Any]:
    ttl, idle = _number(summary, "ttl_seconds"), _number(summary, "idle_ttl_seconds")
    lifetime = f"a lifetime of {duration(int(ttl))}" if ttl else "no lifetime"
    return {
        "words": f"gave it {lifetime}, and {f'an idle stop after {duration(int(idle))}' if idle else 'no idle stop'}"
    }


def _deleting(summary: Mapping[str, Any]) -> dict[str, Any]:
    from dashboard.resources.ended import STOP_REASONS

    reason = _text(summary, "stop_reason")
    return {"words": "ended it:" if reason else "ended it", "details": STOP_REASONS.get(reason, reason)}


def _plain(words: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda summary: {"words": words}


def _started(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {"words": "started", "what": [_text(summary, "command")], "details": _origin(summary)}


def _origin(summary: Mapping[str, Any]) -> str:
    return "in a terminal" if summary.get("pty") is True else ""


def _ended(summary: Mapping[str, Any]) -> dict[str, Any]:
    code, status = _number(summary, "exit_code"), _text(summary, "status")
    how = {"killed": "was killed", "timed_out": "ran out of time", "lost": "was lost", "failed": "could not start"}.get(
        status
    )
    words = how or (f"ended with exit code {int(code)}" if code is not None else "ended")
    return {
        "words": f"{words} after {took(_number(summary, 'seconds'))}",
        "what": [_text(summary, "command")],
        "details": _text(summary, "error"),
        "bad": bool(code) or how is not None,
    }


def _many(one: str, many: str, listed: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What was done once or many times in a row, to what ``listed`` has."""

    def tell(summary: Mapping[str, Any]) -> dict[str, Any]:
        count = int(_number(summary, "count") or 1)
        given = summary.get(listed)
        what = [visible(each) for each in given] if isinstance(given, list) else []
        total = _number(summary, "bytes")
        more = f"and {len(what) - SHOWN} more" if len(what) > SHOWN else ""
        sizes = size(int(total)) if total else ""
        details = ", ".join(part for part in (more, sizes) if part)
        return {"words": one if count == 1 else many.format(count), "what": what[:SHOWN], "details": details}

    return tell


_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "sandbox.created": _created,
    "sandbox.claimed": _claimed,
    "sandbox.ready": _ready,
    "sandbox.failed": _failed,
    "sandbox.renamed": _renamed,
    "sandbox.lifetimes_changed": _lifetimes,
    "sandbox.deleting": _deleting,
    "sandbox.deleted": _plain("let go of all that it held"),
    "command.started": _started,
    "command.ended": _ended,
    "file.written": _many("wrote", "wrote {} times", "paths"),
    "file.read": _many("read", "read {} times", "paths"),
    "tunnel.opened": _many("opened a tunnel to port", "opened {} tunnels to port", "ports"),
    "tunnel.closed": _many("closed a tunnel to port", "closed {} tunnels to port", "ports"),
    "service.shared": _many("made an address for port", "made {} addresses for port", "ports"),
    "terminal.opened": _plain("connected to a terminal"),
    "terminal.closed": _plain("left a terminal"),
}
