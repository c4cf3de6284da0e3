"""Commands and timelines, as the API's description tells them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sandboxcore.server.api.schemas import Body, ListOut


class CommandOut(Body):
    """A command that was run in a sandbox."""

    id: str
    command: Annotated[str, Field(description="The command line; the program of a terminal without one.")]
    command_cut: Annotated[bool, Field(description="Whether it was longer than the 4 KiB that are kept.")]
    cwd: str | None
    env_names: Annotated[list[str], Field(description="Names of the variables that it was given; values are not kept.")]
    pty: bool
    origin: Annotated[str, Field(examples=["http", "stream", "terminal"])]
    actor: Annotated[str, Field(description="The person or the key that started it.")]
    status: Annotated[str, Field(examples=["running", "exited", "killed", "timed_out", "failed", "lost"])]
    exit_code: int | None
    error: Annotated[str | None, Field(description="Why it could not be started, for one that failed.")]
    started_at: str
    ended_at: str | None
    seconds: float | None
    stdout_bytes: int
    stderr_bytes: int
    output: Annotated[str, Field(examples=["live", "kept", "gone"], description="Whether it can still be read.")]


class CommandsOut(ListOut):
    """Commands of a sandbox."""

    commands: list[CommandOut]


class EntryOut(Body):
    """Something that happened to a sandbox."""

    at: str
    kind: Annotated[str, Field(examples=["sandbox.ready", "command.ended", "file.written"])]
    actor: str
    id: Annotated[str, Field(description="Of the command, or the event's number.")]
    summary: dict[str, Any]


class TimelineOut(Body):
    """What happened to a sandbox, the newest first."""

    entries: list[EntryOut]
    next_before: Annotated[str | None, Field(description="`before` of the next page; null on the last one.")]
