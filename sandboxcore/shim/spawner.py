"""What a shim needs from its runtime: to run a program in the sandbox, to work on its files, to reach its ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence


class SpawnError(SandboxError):
    """The program could not be started; the message says which and why (no such program, no more processes)."""


class DialError(SandboxError):
    """A TCP port inside the sandbox could not be reached; ``kind`` is the protocol's ``error_type``.

    ``PortClosed`` (nothing listens there), ``PortBusy`` (what listens accepts nobody) or ``DialFailed``.
    """

    def __init__(self, message: str, *, kind: str = "DialFailed") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class TerminalSize:
    """Size of a terminal in character cells."""

    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """A program to run. ``cwd`` None is the sandbox user's home; ``env`` is added to the sandbox's own."""

    candidates: Sequence[Sequence[str]]
    """Argument vectors in order of preference; the first whose program exists is run."""
    env: Mapping[str, str]
    cwd: str | None
    pty: TerminalSize | None


class Process(Protocol):
    """One running command and all its descendants."""

    pid: int
    """As seen inside the sandbox."""
    stdin_fd: int
    stdout_fd: int
    stderr_fd: int | None
    """Non-blocking, owned by whoever asked for the process, who closes them. With a PTY ``stdin_fd`` and ``stdout_fd``
    are two descriptors of its controlling side, and there is no ``stderr_fd``."""

    async def wait(self) -> int:
        """The exit code when the command itself has ended: 0-255, or 128 + the signal that ended it."""

    def resize(self, size: TerminalSize) -> None:
        """Tell a PTY's programs their new size; nothing on pipes."""

    def signal(self, number: int) -> None:
        """Signal the command's process group; nothing when it has ended."""

    async def kill_tree(self) -> None:
        """SIGKILL the command and every descendant, daemons too; return when they are gone."""


class Spawner(Protocol):
    """Runs programs and file operations inside one sandbox, as the sandbox's user."""

    async def spawn(self, request: SpawnRequest) -> Process:
        """Start a program. Raises ``SpawnError``."""

    async def file_operation(self, request: Mapping[str, Any]) -> socket.socket:
        """Start one of the file requests of ``sandboxcore.shim.wire`` and return a stream socket on which a helper
        inside the sandbox speaks the rest of that exchange. The caller closes it. Raises ``SpawnError``."""

    async def dial(self, port: int) -> socket.socket:
        """A connected, non-blocking TCP socket to a program on the sandbox's loopback (``sandboxcore.shim.loopback``).

        Returns within seconds. The caller closes it. Raises ``DialError`` or ``SpawnError``."""

    async def closed(self) -> None:
        """Return when the sandbox itself has ended, whoever ended it."""
