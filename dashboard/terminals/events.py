"""What a shell does, as a page's socket is told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes of the shell's output, from ``offset``."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Output that the sandbox's buffer no longer holds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Modes:
    """Escape text for a terminal that has not seen what came before; ``end`` is where the output ended then."""

    sequence: str
    end: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The shell's session has taken the page's typing before ``offset``."""

    offset: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """The output goes on at ``offset``, as was asked."""

    offset: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The shell has ended; ``exit_code`` None where it is not known any more."""

    exit_code: int | None
    reason: str = "The shell has ended."


Event = Output | Lost | Modes | Taken | Skipped | Ended
