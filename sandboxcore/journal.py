"""What was run in a sandbox and what happened to it, as dataclasses; extensions that only some servers have.

Moments are ISO 8601 text as the server sent them. ``from_dict`` raises ``InvalidResponseError``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandboxcore.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class CommandRecord:
    """A command that was run in a sandbox.

    ``status`` is ``running``, ``exited``, ``killed``, ``timed_out``, ``failed`` (it could not be started, see
    ``error``) or ``lost`` (nobody knows how it ended). ``origin`` is ``http``, ``stream`` or ``terminal``. ``output``
    says whether what it printed can still be read with ``reconnect``: ``live``, ``kept`` or ``gone``.
    """

    id: str
    command: str
    status: str
    command_cut: bool = False
    """True if the command line was longer than what is kept of it."""
    cwd: str | None = None
    env_names: tuple[str, ...] = ()
    """Names of the variables that it was given; nobody keeps their values."""
    pty: bool = False
    origin: str = ""
    actor: str = ""
    exit_code: int | None = None
    error: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    output: str = "gone"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CommandRecord:
        """Read a command."""
        fields = Fields(data, "command")
        return cls(
            id=fields.required_text("id"),
            command=fields.text("command"),
            status=fields.required_text("status"),
            command_cut=bool(fields.optional_flag("command_cut")),
            cwd=fields.optional_text("cwd"),
            env_names=fields.texts("env_names"),
            pty=bool(fields.optional_flag("pty")),
            origin=fields.text("origin"),
            actor=fields.text("actor"),
            exit_code=fields.optional_integer("exit_code"),
            error=fields.optional_text("error"),
            started_at=fields.optional_text("started_at"),
            ended_at=fields.optional_text("ended_at"),
            seconds=None if data.get("seconds") is None else fields.number("seconds"),
            stdout_bytes=fields.integer("stdout_bytes"),
            stderr_bytes=fields.integer("stderr_bytes"),
            output=fields.text("output", "gone"),
        )


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened to a sandbox: ``kind`` is like ``sandbox.ready``, ``command.ended`` or ``file.written``.

    ``id`` is the command's, or the event's number; what ``summary`` has depends on the kind.
    """

    at: str
    kind: str
    actor: str = ""
    id: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TimelineEntry:
        """Read an entry."""
        fields = Fields(data, "timeline")
        return cls(
            at=fields.required_text("at"),
            kind=fields.required_text("kind"),
            actor=fields.text("actor"),
            id=fields.text("id"),
            summary=fields.mapping("summary"),
        )


class Timeline(list[TimelineEntry]):
    """Some entries, the newest first; ``next_before`` is the ``before`` of the next page, None on the last one."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        fields = Fields(data, "timeline")
        super().__init__(TimelineEntry.from_dict(each) for each in fields.objects("entries"))
        self.next_before = fields.optional_text("next_before")
